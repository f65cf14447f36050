import type { Cluster } from "#test/cluster/cluster.ts";
import { cutWithinMs, isCut, isOn } from "./expect-status.ts";
import type { MeshWorld } from "./mesh-world.ts";
import type { PodRef } from "./probe.ts";
import { sampleNamespace } from "./sample-mesh.ts";

/** A running pod of a Deployment. @throws when there is none */
export async function podOf(cluster: Cluster, namespace: string, app: string): Promise<PodRef> {
  const [first] = await podsOf(cluster, namespace, app);
  if (!first) throw new Error(`no running pod of ${namespace}/${app}`);
  return first;
}

export async function podsOf(cluster: Cluster, namespace: string, app?: string): Promise<readonly PodRef[]> {
  const selector = app === undefined ? [] : ["--selector", `app=${app}`];
  const text = await cluster.kubectl("get", "pods", "-n", namespace, ...selector, "-o", "json");
  const { items } = JSON.parse(text) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
      readonly status: { readonly phase: string };
    }[];
  };
  return items
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === "Running")
    .map(({ metadata }) => ({ namespace, pod: metadata.name }));
}

/** The seed's own line. */
export function patchEgress(cluster: Cluster, value: string): Promise<string> {
  return patchConfig(cluster, JSON.stringify({ data: { egress: value } }), "merge");
}

/** @param flags  of `kubectl patch`, besides */
export function patchConfig(
  cluster: Cluster,
  patch: string,
  type: "merge" | "json",
  ...flags: readonly string[]
): Promise<string> {
  const target = ["ConfigMap", "osm-config", "-n", "osm-system"];
  return cluster.kubectl("patch", ...target, "-p", patch, `--type=${type}`, ...flags);
}

/** The value set, and the mesh at rest on it. */
export async function settleOn(mesh: MeshWorld, egress: boolean): Promise<void> {
  await patchEgress(mesh.cluster, String(egress));
  await mesh.untilStatus(egress ? "on" : "off", (it) => (egress ? isOn(it, true) : isCut(it)), cutWithinMs);
}

/** A pod of the sample mesh, besides its Deployments'. */
export function samplePod(name: string, spec: object): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: sampleNamespace }, spec };
}
