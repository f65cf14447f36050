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
    {
      says: "With the history, here its first columns:",
      line: "osm egress status -o wide | sed -n '/^History/,$p' | cut -c1-90",
      ...done,
    },
    {
      heading: "Look closer",
      says: "One pod, as it is now:",
      line: `osm egress status --explain ${namespace}/${podOf("front")}`,
      ...done,
    },
    { says: "All that are outside the guarantee:", line: "osm egress status --outside", ...done },
    { says: "What a sidecar itself says:", line: `osm proxy get ready ${namespace}/${podOf("front")}`, ...done },
    { says: "Ask every sidecar now, as the schedule does every five minutes:", line: "osm reconcile", ...done },
    { says: "Is any pod on an old sidecar, or without one?", line: "osm restart --outdated --dry-run", ...done },
    {
      says: "What injection puts into a pod, where the API server does not do it; here the beginning:",
      line: "osm inject -f front.yaml > injected.yaml && head -30 injected.yaml",
      ...done,
    },
    {
      says: "Messages that could not be done with, for whoever may read the queue:",
      line: "osm events dead --stage test",
      ...done,
    },
    {
      heading: "Strict mode",
      says: "From now on pods outside the guarantee are refused, and told why.",
      line: "osm install --strict",
      ...done,
    },
    {
      says: "API servers take up a policy within seconds.",
      line: `sleep 5 && kubectl run shell -n ${namespace} --image=busybox`,
      exitCode: 1,
    },
    { says: "And back:", line: "osm install --strict=false", ...done },
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
    { says: "So nobody takes the mesh away under them:", line: "osm uninstall", exitCode: 1 },
    {
      line: `kubectl rollout restart deployment -n ${namespace}\nkubectl rollout status deployment/front -n ${namespace} --timeout=90s | tail -1\nkubectl rollout status deployment/orders -n ${namespace} --timeout=90s | tail -1`,
      ...done,
    },
    {
      says: "The old pods go a moment later.",
      line: `until [ $(kubectl get pods -n ${namespace} -o name | wc -l) = 2 ]; do sleep 1; done\nosm namespace remove ${namespace}`,
      ...done,
    },
    { line: "osm uninstall", ...done },
  ];
}

/** Of shell: the name of the app's pod. */
function podOf(app: string): string {
  return `$(kubectl get pods -n ${namespace} -l app=${app} -o jsonpath={.items[0].metadata.name})`;
}

function patch(value: string): string {
  return `kubectl patch ConfigMap osm-config -n osm-system -p '{"data":{"egress":"${value}"}}' --type=merge`;
}

/** A flag with its value on each line. */
function inPairs(flags: readonly string[]): readonly string[] {
  return flags.flatMap((flag, at) => (at % 2 === 0 ? [`${flag} ${flags[at + 1] ?? ""}`] : []));
}
