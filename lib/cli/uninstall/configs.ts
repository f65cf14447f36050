import type { KubeConnection } from "../../kube/connection.ts";
import { maxInFlight } from "../../kube/connection.ts";
import { listAll } from "../../kube/list.ts";
import { readPods } from "../../kube/pod-reader.ts";
import { decodeSidecarConfigMap } from "../../kube/sidecar-config-map.ts";
import { labels, type MeshPlace } from "../../mesh/names.ts";
import type { ClusterPorts } from "../../reconcile/ports.ts";
import { podKey, type SidecarConfigMap } from "../../rollout/observation.ts";

/** `namespace/name` of sidecar ConfigMaps. */
export interface ConfigsRemoved {
  readonly removed: readonly string[];
  /** Pods mount them: a container that starts again, or a node that does, needs the files. */
  readonly left: readonly string[];
}

/** One that changes while it is looked at is looked at again. */
const maxRounds = 3;

/**
 * Removes those that no pod mounts.
 *
 * @param ports      of whoever may
 * @param keepLease  asked before every few
 */
export async function removeSidecarConfigs(
  connection: KubeConnection,
  ports: Pick<ClusterPorts, "deleteConfigMap">,
  place: MeshPlace,
  keepLease: () => Promise<void>,
): Promise<ConfigsRemoved> {
  const before = await list(connection, place);
  let left = before;
  for (let round = 0; round < maxRounds; round++) {
    const mounted = new Set((await readPods(connection)).map((pod) => `${pod.namespace}/${pod.configMap}`));
    const free = left.filter((map) => !mounted.has(keyOf(map)));
    if (free.length === 0) break;
    for (let start = 0; start < free.length; start += maxInFlight) {
      await keepLease();
      await Promise.all(free.slice(start, start + maxInFlight).map((map) => ports.deleteConfigMap(map)));
    }
    left = await list(connection, place);
  }
  const still = new Set(left.map(keyOf));
  return { removed: before.map(keyOf).filter((key) => !still.has(key)), left: [...still] };
}

/**
 * Pods, `namespace/name`, of which nobody can tell that their sidecar lets traffic out: their ConfigMap says that it does
 * not, or is gone.
 */
export async function closedPods(connection: KubeConnection, place: MeshPlace): Promise<readonly string[]> {
  const open = (await list(connection, place)).filter(({ settings }) => settings?.egress === true);
  const keys = new Set(open.map(keyOf));
  return (await mounting(connection)).filter(({ config }) => !keys.has(config)).map(({ pod }) => pod);
}

/** @param gone  ConfigMaps, and the pods, `namespace/name` */
export async function podsWithout(connection: KubeConnection, gone: ReadonlySet<string>): Promise<readonly string[]> {
  return (await mounting(connection)).filter(({ config }) => gone.has(config)).map(({ pod }) => pod);
}

async function mounting(connection: KubeConnection) {
  const pods = (await readPods(connection)).filter(({ terminating }) => !terminating);
  return pods.map((pod) => ({ pod: podKey(pod), config: `${pod.namespace}/${pod.configMap}` }));
}

function list(connection: KubeConnection, { meshName }: MeshPlace): Promise<readonly SidecarConfigMap[]> {
  return listAll(connection, "/api/v1/configmaps", decodeSidecarConfigMap, {
    query: { labelSelector: `${labels.sidecarConfig}=${meshName}` },
  });
}

function keyOf({ namespace, name }: SidecarConfigMap): string {
  return `${namespace}/${name}`;
}
