import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { readLease, ServerClock } from "#lib/kube/lease.ts";
import { readPods } from "#lib/kube/pod-reader.ts";
import { askSidecar } from "#lib/kube/sidecar-status.ts";
import { labels, osmNamespace } from "#lib/mesh/names.ts";
import { podKey } from "#lib/rollout/observation.ts";
import type { Cluster } from "#test/cluster/cluster.ts";

/** What every running sidecar says that it runs, by pod: asked directly, past all status. */
export async function runningVersions(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const connection = openKubeconfig({ kubeconfig: cluster.kubeconfigPath });
  const pods = (await readPods(connection)).filter((pod) => pod.sidecarStartedAtMs !== undefined && !pod.terminating);
  const answers = pods.map(async (pod) => {
    const answer = await askSidecar(connection, pod);
    return [podKey(pod), answer.kind === "answered" ? answer.says.listeners : `silent: ${answer.why}`] as const;
  });
  return new Map(await Promise.all(answers));
}

/** Digest and resourceVersion of every sidecar ConfigMap, by `namespace/name`: what changes when anything is written. */
export async function sidecarConfigMaps(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const text = await cluster.kubectl("get", "cm", "-A", "-l", labels.sidecarConfig, "-o", "json");
  const { items } = JSON.parse(text) as {
    readonly items: readonly {
      readonly metadata: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
    }[];
  };
  return new Map(items.map(({ metadata }) => [`${metadata.namespace}/${metadata.name}`, metadata.resourceVersion]));
}

/** The Lease is free and unmarked: no pass is writing. */
export async function leaseIsFree(cluster: Cluster): Promise<boolean> {
  const lease = await readLease(
    openKubeconfig({ kubeconfig: cluster.kubeconfigPath }),
    osmNamespace,
    new ServerClock(),
  );
  return lease?.holder === "";
}
