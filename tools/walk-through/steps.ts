import type { RolloutStatus } from "#lib/rollout/status.ts";
import { isCut, isOn } from "#test/world/expect-status.ts";

/** One command of the page. */
export interface Step {
  /** Begins a new section. */
  readonly heading?: string;
  /** What stands before it. */
  readonly says?: string;
  /** Of shell; may have several lines. */
  readonly line: string;
  readonly exitCode: number;
  /** What the mesh comes to afterwards, before the next command. */
  readonly until?: (status: RolloutStatus) => boolean;
}

/** Of README's own example. */
export const namespace = "web";

const done = { exitCode: 0 } as const;
const verified = (count: number) => (status: RolloutStatus) =>
  status.sidecars?.total === count && status.sidecars.verified === count && isCut(status);

/**
 * What a new user does after the README's steps 1 to 4, in its own words.
 *
 * @param forwarderFlags  of `osm install`: this world's bus, where the README has yours
 */
export function steps(forwarderFlags: readonly string[]): readonly Step[] {
  return [
    {
      heading: "Install",
      says: "A cluster administrator does this, with the usual kubeconfig.",
      line: ["osm install --enable-permissive-traffic-policy", ...inPairs(forwarderFlags)].join(" \\\n    "),
      ...done,
      until: isCut,
    },
    { says: "What there is to see before anything is in the mesh:", line: "osm egress status", ...done },
    {
      heading: "Add a namespace",
      says: "Namespace `web` has an app already, which knows nothing of the mesh.",
      line: `kubectl create namespace ${namespace}\nkubectl apply -f front.yaml\nkubectl wait deployment/front -n ${namespace} --for=condition=Available --timeout=90s`,
      ...done,
    },
    { line: `osm namespace add ${namespace}`, ...done },
    { line: "osm namespace list", ...done },
    {
      says: "Its pod has no sidecar yet: it was there before.",
      line: `osm restart --outdated -n ${namespace}`,
      ...done,
      until: verified(1),
    },
    {
      says: "A second app comes with its sidecar from the start.",
      line: `kubectl apply -f orders.yaml\nkubectl wait deployment/orders -n ${namespace} --for=condition=Available --timeout=90s\nkubectl get pods -n ${namespace}`,
      ...done,
      until: verified(2),
    },
    { line: "osm egress status", ...done },
    {
      heading: "On, off, on",
      says: "As a GitOps tool would do it, or by hand:",
      line: patch("true"),
      ...done,
      until: (status) => isOn(status, true),
    },
    { line: "kubectl get egr -n osm-system", ...done },
    {
      says: "`osm` waits until every sidecar runs it, and for off until the last connection is cut.",
      line: "osm egress disable",
      ...done,
    },
    { line: "osm egress enable", ...done },
    {
      says: "The same for a program, here its beginning:",
      line: "osm egress status -o json | head -20",
      ...done,
    },
    { says: "Is any pod on an old sidecar, or without one?", line: "osm restart --outdated --dry-run", ...done },
    {
      heading: "When something is wrong",
      says: "A value that is none is refused by the API server, before anything sees it:",
      line: patch("ture"),
      exitCode: 1,
    },
    {
      says: "A namespace whose pods may not be captured:",
      line: "kubectl create namespace locked\nkubectl label namespace locked pod-security.kubernetes.io/enforce=restricted\nosm namespace add locked",
      exitCode: 1,
    },
    { says: "A context that is not there:", line: "osm egress status --context stage", exitCode: 1 },
    {
      heading: "And back",
      says: "Pods keep their sidecar, and follow the switch, until they are restarted.",
      line: `osm namespace remove ${namespace}`,
      ...done,
    },
  ];
}

function patch(value: string): string {
  return `kubectl patch ConfigMap osm-config -n osm-system -p '{"data":{"egress":"${value}"}}' --type=merge`;
}

/** A flag with its value on each line. */
function inPairs(flags: readonly string[]): readonly string[] {
  return flags.flatMap((flag, at) => (at % 2 === 0 ? [`${flag} ${flags[at + 1] ?? ""}`] : []));
}
