import type { Difference } from "./snapshot.ts";

/** What one command does to the cluster: docs/leftovers.md has this as its table, and a test compares it with a cluster. */
export interface CommandLeftovers extends Partial<Difference> {
  readonly command: string;
  readonly note: string;
}

const policies = [
  "osm-config",
  "osm-exempt",
  "osm-exempt-namespaces",
  "osm-reconciler",
  "osm-sidecar-config",
  "osm-sidecar-guard",
  "osm-sidecar-injection",
];
const both = (name: string) => [`ValidatingAdmissionPolicy ${name}`, `ValidatingAdmissionPolicyBinding ${name}`];
const roles = (name: string) => [
  `ClusterRole ${name}`,
  `ClusterRoleBinding ${name}`,
  `Role osm-system/${name}`,
  `RoleBinding osm-system/${name}`,
];

const strict = both("osm-strict");
const forwarder = [
  ...roles("osm-forwarder"),
  "Deployment osm-system/osm-forwarder",
  "ServiceAccount osm-system/osm-forwarder",
];
const always = [
  ...policies.flatMap(both),
  "MutatingAdmissionPolicy osm-sidecar-injection",
  "MutatingAdmissionPolicyBinding osm-sidecar-injection",
  ...roles("osm-reconciler"),
  "ClusterRole osm-exempt",
  "CustomResourceDefinition egressrollouts.egress.openservicemesh.io",
  "CustomResourceDefinition meshinjections.egress.openservicemesh.io",
  // The API server's own, for as long as the definitions are there.
  "APIService v1alpha1.egress.openservicemesh.io",
  "EgressRollout osm-system/osm-config",
  "MeshInjection osm-system/osm-config",
];
const users = ["Namespace osm-system", "ConfigMap osm-system/osm-config"];
const lease = "Lease osm-system/osm-reconciler";
const config = "ConfigMap shop/osm-sidecar.default";

/** Of a mesh with namespace `shop`, which has one service account, `default`, and Deployment `web`. */
export const leftovers = {
  install: {
    command: "osm install --strict --event-bus-name …",
    made: [...users, ...always, ...forwarder, ...strict],
    note: "Without the bus's flags no forwarder, without `--strict` no `osm-strict`. The forwarder, once it runs, has Lease `osm-forwarder`.",
  },
  notStrict: { command: "osm install --strict=false", gone: strict, note: "" },
  add: {
    command: "osm namespace add shop",
    made: [config, lease],
    changed: ["EgressRollout osm-system/osm-config", "MeshInjection osm-system/osm-config", "Namespace shop"],
    note: "Label and annotation on the namespace; one ConfigMap for each service account. Any pass makes the Lease, and keeps EgressRollout's status and MeshInjection's spec.",
  },
  restart: {
    command: "osm restart --outdated",
    made: ["Pod shop/web-2"],
    changed: ["Deployment shop/web"],
    gone: ["Pod shop/web-1"],
    note: "The annotation `kubectl.kubernetes.io/restartedAt` in the pod template, as `kubectl rollout restart` leaves it.",
  },
  remove: {
    command: "osm namespace remove shop",
    changed: ["Namespace shop"],
    note: "Takes label and annotation off; while pods have a sidecar, label `openservicemesh.io/left-mesh` stays behind. The ConfigMaps go by the next pass after the last pod that mounts them.",
  },
  uninstall: {
    command: "osm uninstall",
    gone: [...always, ...forwarder, config, lease],
    note: "Leaves the user's: the mesh's namespace with all that is in it, osm-config, labels and annotations of namespaces. What EgressRollout's spec said is printed, and gone.",
  },
  uninstallForced: {
    command: "osm uninstall --force",
    changed: [config],
    gone: [...always, lease],
    note: "Also while pods have a sidecar. The ConfigMaps that they mount stay, with egress on and nothing refused; pods that run get the annotation `openservicemesh.io/sidecar-config-digest`. `osm uninstall`, once they have been restarted, takes the ConfigMaps away.",
  },
  uninstallAgain: { command: "osm uninstall, after that", gone: [config], note: "" },
} as const satisfies Record<string, CommandLeftovers>;

/** The table as it stands in docs/leftovers.md. */
export function leftoversTable(): string {
  const row = ({ command, made = [], changed = [], gone = [], note }: CommandLeftovers) =>
    `| \`${command}\` | ${grouped(made)} | ${grouped(changed)} | ${grouped(gone)} | ${note} |`;
  return [
    "| command | makes | changes | takes away | |",
    "| --- | --- | --- | --- | --- |",
    ...Object.values(leftovers).map(row),
  ].join("\n");
}

/** Of which the table has only the name. */
const groups: readonly (readonly [name: string, objects: readonly string[]])[] = [
  ["the mesh", always],
  ["the forwarder", forwarder],
  ["strict mode", strict],
];

/** What the names of groups stand for. */
export function groupsTable(): string {
  const rows = groups.map(([name, objects]) => `| ${name} | ${byKind(objects)} |`);
  return ["| | |", "| --- | --- |", ...rows].join("\n");
}

function grouped(names: readonly string[]): string {
  const whole = groups.filter(([, objects]) => objects.every((object) => names.includes(object)));
  const covered = new Set(whole.flatMap(([, objects]) => objects));
  const rest = byKind(names.filter((name) => !covered.has(name)));
  return [...whole.map(([name]) => name), ...(rest === "" ? [] : [rest])].join("; ");
}

/** `Kind a, b; Other c`, in order of kind. */
function byKind(names: readonly string[]): string {
  const kinds = new Map<string, string[]>();
  for (const text of names.toSorted()) {
    const [kind = "", name = ""] = text.split(" ");
    kinds.set(kind, [...(kinds.get(kind) ?? []), `\`${name}\``]);
  }
  return [...kinds].map(([kind, its]) => `${kind} ${its.join(", ")}`).join("; ");
}
