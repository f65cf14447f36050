import { mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sidecar } from "#lib/mesh/names.ts";
import type { Finding } from "#lib/rollout/drift/finding.ts";
import { podOf } from "./mesh-pods.ts";
import type { MeshWorld } from "./mesh-world.ts";
import { appSpec, sampleNamespace } from "./sample-mesh.ts";

/** One way in which the mesh is no longer as the reconciler left it. */
export interface DriftKind {
  /** Does it, in the real cluster. */
  make(mesh: MeshWorld): Promise<void>;
  /** What the status must say of it. @returns once the kind has been made */
  expected(mesh: MeshWorld): Promise<Partial<Finding>>;
  /** What it is for whoever corrects. Only sidecars that have strayed are found by asking alone. */
  readonly foundBy: "any pass" | "a drift pass";
}

const manager = "a-stranger";
/** A policy keeps everybody but the reconcilers from sidecars' ConfigMaps: this is somebody it takes for one. */
const asExempted = ["--as=mallory", "--as-group=osm:reconcilers", "--as-group=system:masters"];
const byStranger = `--field-manager=${manager}`;

export const correctedKinds = {
  "a ConfigMap edited so that it lets traffic out": {
    foundBy: "any pass",
    make: (mesh) => openEgress(mesh, "bookbuyer", manager),
    async expected() {
      return {
        object: configMapOf("bookbuyer"),
        field: "data.lds.json",
        found: `version ${strangeVersion}`,
        by: manager,
      };
    },
  },
  "a ConfigMap edited under the version that it had": {
    foundBy: "any pass",
    make: (mesh) => openEgress(mesh, "bookbuyer", manager, "same version"),
    async expected() {
      return {
        object: configMapOf("bookbuyer"),
        field: "data.lds.json",
        found: "other bytes under the same version",
        by: manager,
      };
    },
  },
  "a file taken out of a ConfigMap": {
    foundBy: "any pass",
    async make(mesh) {
      const patch = JSON.stringify([{ op: "remove", path: "/data/rds.json" }]);
      await mesh.cluster.kubectl(
        ...["patch", "cm", mapName("bookbuyer"), "-n", sampleNamespace, "--type=json", "-p", patch],
        ...asExempted,
      );
    },
    async expected() {
      return { object: configMapOf("bookbuyer"), field: "data.rds.json", found: "nothing" };
    },
  },
  "a ConfigMap deleted": {
    foundBy: "any pass",
    async make(mesh) {
      await mesh.cluster.kubectl("delete", "cm", mapName("bookstore"), "-n", sampleNamespace, ...asExempted);
    },
    async expected() {
      return { object: configMapOf("bookstore"), field: "", found: "nothing" };
    },
  },
  "a ConfigMap made immutable": {
    foundBy: "any pass",
    async make(mesh) {
      const flags = ["-p", '{"immutable":true}', "--type=merge", byStranger, ...asExempted];
      await mesh.cluster.kubectl("patch", "cm", mapName("lonely"), "-n", sampleNamespace, ...flags);
    },
    async expected() {
      return { object: configMapOf("lonely"), field: "immutable", found: "true", by: manager };
    },
  },
  "a sidecar on another version than its ConfigMap": {
    foundBy: "a drift pass",
    make: (mesh) => stray(mesh, "bookthief"),
    async expected(mesh) {
      const { pod } = await podOf(mesh.cluster, sampleNamespace, "bookthief");
      return { object: `Pod ${sampleNamespace}/${pod}`, field: "sidecar's version", found: strangeVersion };
    },
  },
} as const satisfies Readonly<Record<string, DriftKind>>;

/** What the reconciler has no right to change: it tells, and somebody runs the line. */
export const reportedKinds = {
  // The first of all: no namespace joins a mesh that is not all there.
  "a pod from before its namespace was added": {
    async make({ cluster, osm }) {
      const metadata = { name: "early", namespace: "late" };
      const template = { metadata: { labels: { app: "early" } }, spec: appSpec("default") };
      const spec = { replicas: 1, selector: { matchLabels: { app: "early" } }, template };
      await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } });
      await cluster.apply({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec });
      await cluster.kubectl("rollout", "status", "deployment/early", "-n", "late", "--timeout=60s");
      const added = await osm("namespace", "add", "late");
      if (added.exitCode !== 0) throw new Error(added.stderr);
    },
    object: async ({ cluster }) => `Pod late/${(await podOf(cluster, "late", "early")).pod}`,
    found: { field: "spec.initContainers", wanted: "sidecar envoy", found: "nothing" },
    repair: ["restart", "--outdated"],
    async cleanUp({ cluster }) {
      await cluster.kubectl("delete", "namespace", "late", "--timeout=60s");
    },
  },
  "a policy changed": {
    ...guard("ValidatingAdmissionPolicy", "osm-config", { spec: { failurePolicy: "Ignore" } }),
    found: { field: "spec.failurePolicy", wanted: "Fail", found: "Ignore", by: manager },
  },
  "a policy without its binding": {
    ...guard("ValidatingAdmissionPolicyBinding", "osm-config", "deleted"),
    found: { field: "", found: "nothing" },
  },
  "a definition changed": {
    ...guard("CustomResourceDefinition", "egressrollouts.egress.openservicemesh.io", {
      spec: { names: { shortNames: ["egr", "rollout"] } },
    }),
    found: { field: "spec.names.shortNames[1]", wanted: "nothing", found: "rollout", by: manager },
  },
  "the reconciler given more rights": {
    async make({ cluster }) {
      const rule = { apiGroups: [""], resources: ["secrets"], verbs: ["get"] };
      const patch = JSON.stringify([{ op: "add", path: "/rules/-", value: rule }]);
      await cluster.kubectl("patch", "clusterrole", "osm-reconciler", "--type=json", "-p", patch, byStranger);
    },
    object: async () => "ClusterRole osm-reconciler",
    found: { wanted: "nothing", by: manager },
    repair: ["install"],
  },
} as const satisfies Readonly<Record<string, ReportedKind>>;

export interface ReportedKind {
  make(mesh: MeshWorld): Promise<void>;
  /** As findings name it. */
  object(mesh: MeshWorld): Promise<string>;
  readonly found: Partial<Finding>;
  /** The words after `osm` that put it right. */
  readonly repair: readonly string[];
  readonly cleanUp?: (mesh: MeshWorld) => Promise<void>;
}

function guard(
  kind: string,
  name: string,
  change: object | "deleted",
): Pick<ReportedKind, "make" | "object" | "repair"> {
  return {
    async make({ cluster }) {
      if (change === "deleted") await cluster.kubectl("delete", kind, name);
      else await cluster.kubectl("patch", kind, name, "--type=merge", "-p", JSON.stringify(change), byStranger);
    },
    object: async () => `${kind} ${name}`,
    repair: ["install"],
  };
}

/** Of whoever is no reconciler; the wanted one is off too, so its prefix says what the bytes do. */
export const strangeVersion = `on-${"0".repeat(32)}`;

export function mapName(account: string): string {
  return `osm-sidecar.${account}`;
}

export function configMapOf(account: string): string {
  return `ConfigMap ${sampleNamespace}/${mapName(account)}`;
}

/** As a person would who wants out: the file as it is, with the refusing chain passing everything through. */
export async function openEgress(
  { cluster }: MeshWorld,
  account: string,
  by: string,
  version?: "same version",
): Promise<void> {
  const name = mapName(account);
  const text = await cluster.kubectl("get", "cm", name, "-n", sampleNamespace, "-o", "json");
  const { data } = JSON.parse(text) as { readonly data: Readonly<Record<string, string>> };
  const patch = JSON.stringify({ data: { "lds.json": opened(data["lds.json"] ?? "", version) } });
  const flags = ["--type=merge", "-p", patch, `--field-manager=${by}`, ...asExempted];
  await cluster.kubectl("patch", "cm", name, "-n", sampleNamespace, ...flags);
}

function opened(listeners: string, version?: "same version"): string {
  const wanted = JSON.parse(listeners) as {
    readonly resources: readonly { readonly default_filter_chain: FilterChain }[];
  };
  const [outbound] = wanted.resources;
  const [proxy] = outbound?.default_filter_chain.filters ?? [];
  if (proxy?.typed_config["cluster"] !== "refused") throw new Error("this listener cannot be opened: is egress off?");
  proxy.typed_config["cluster"] = "passthrough-outbound";
  return JSON.stringify(version ? wanted : { ...wanted, version_info: strangeVersion });
}

interface FilterChain {
  readonly filters: readonly { readonly typed_config: Record<string, unknown> }[];
}

/** Other files in a pod's volume than its ConfigMap's, swapped in as the kubelet does it, and so Envoy takes them. */
async function stray({ cluster, world }: MeshWorld, app: string): Promise<void> {
  const { pod } = await podOf(cluster, sampleNamespace, app);
  const uid = await cluster.kubectl("get", "pod", pod, "-n", sampleNamespace, "-o", "jsonpath={.metadata.uid}");
  // The kubelet writes its own files back when it looks after the pod, at each change of it and a minute after the last.
  await cluster.kubectl("annotate", "pod", pod, "-n", sampleNamespace, `example.com/look=${Date.now()}`, "--overwrite");
  await sleep(2_000);
  const volumes = join(world.directory, "kubelet/pods", uid, "volumes/kubernetes.io~configmap");
  const volume = join(volumes, sidecar.volume);
  const from = join(volume, "..data");
  const to = "..strayed";
  await mkdir(join(volume, to));
  for (const file of await readdir(from)) {
    const text = await readFile(join(from, file), "utf8");
    await writeFile(join(volume, to, file), file === "lds.json" ? opened(text) : text);
  }
  await symlink(to, join(volume, "..data_strayed"));
  await rename(join(volume, "..data_strayed"), from);
}
