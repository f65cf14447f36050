import type { Cluster } from "#test/cluster/cluster.ts";
import type { PodRef } from "./probe.ts";

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
