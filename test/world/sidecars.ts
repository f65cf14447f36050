import { createHash } from "node:crypto";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { readLease, ServerClock } from "#lib/kube/lease.ts";
import { readPods } from "#lib/kube/pod-reader.ts";
import { askSidecar } from "#lib/kube/sidecar-status.ts";
import { labels, osmNamespace } from "#lib/mesh/names.ts";
import { podKey } from "#lib/rollout/observation.ts";
import type { Cluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/eventually.ts";

/**
 * What every running sidecar says that it runs, by pod: asked directly, past all status.
 *
 * @param count  how many there must be
 * @throws       when there are more or fewer, or one does not answer: two silent meshes would be equal
 */
export async function runningVersions(cluster: Cluster, count: number): Promise<ReadonlyMap<string, string>> {
  const connection = openKubeconfig({ kubeconfig: cluster.kubeconfigPath });
  const pods = (await readPods(connection)).filter((pod) => pod.sidecarStartedAtMs !== undefined && !pod.terminating);
  const answers = pods.map(async (pod) => {
    let why = "";
    const listeners = async () => {
      const answer = await askSidecar(connection, pod);
      if (answer.kind === "silent") why = answer.why;
      return answer.kind === "silent" ? undefined : answer.says.listeners;
    };
    return [podKey(pod), await eventually(`${podKey(pod)} says what it runs`, listeners, { tell: () => why })] as const;
  });
  if (pods.length !== count) throw new Error(`${pods.length} sidecars, not ${count}: ${pods.map(podKey).join(" ")}`);
  return new Map(await Promise.all(answers));
}

/** One sidecar ConfigMap, as far as tests compare it. */
export interface SeenConfigMap {
  /** Changes when anything of it is written. */
  readonly resourceVersion: string;
  /** Over the bytes of its files; the fencing number beside them is not in it. */
  readonly digest: string;
}

/** Every sidecar ConfigMap, by `namespace/name`. */
export async function sidecarConfigMaps(cluster: Cluster): Promise<ReadonlyMap<string, SeenConfigMap>> {
  const text = await cluster.kubectl("get", "cm", "-A", "-l", labels.sidecarConfig, "-o", "json");
  const { items } = JSON.parse(text) as {
    readonly items: readonly {
      readonly metadata: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
      readonly data?: Readonly<Record<string, string>>;
    }[];
  };
  return new Map(
    items.map(({ metadata: { namespace, name, resourceVersion }, data = {} }) => {
      const digest = createHash("sha256").update(JSON.stringify(data)).digest("hex");
      return [`${namespace}/${name}`, { resourceVersion, digest }] as const;
    }),
  );
}

/** The digests alone: what is equal when the same bytes have been written again. */
export async function sidecarDigests(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  return new Map([...(await sidecarConfigMaps(cluster))].map(([name, { digest }]) => [name, digest]));
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
