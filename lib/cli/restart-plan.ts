import type { KubeConnection } from "../kube/connection.ts";
import { readNamespace, readNamespaces, readReplicaSetOwners, readSidecarPods } from "../kube/sidecar-pods.ts";
import { readWorkload } from "../kube/workloads.ts";
import { type InjectionNamespace, isInMesh } from "../mesh/injection-rule.ts";
import type { MeshPlace } from "../mesh/names.ts";
import { type ByHand, groupPods, type WorkloadPods } from "../rollout/restart/groups.ts";
import { type OutdatedPod, outdatedPods, type WantedSidecar } from "../rollout/restart/outdated.ts";
import { obstacle } from "../rollout/restart/workload.ts";
import { CommandError } from "./failure.ts";
import { servesInjection } from "./policy-api.ts";

/** What there is to restart, in order. */
export interface RestartPlan {
  readonly wanted: WantedSidecar;
  readonly workloads: readonly PlannedRestart[];
  readonly byHand: readonly ByHand<OutdatedPod>[];
}

export interface PlannedRestart extends WorkloadPods<OutdatedPod> {
  /** Why it is left alone, and what to do. */
  readonly obstacle?: string;
}

/**
 * Looks for pods with no sidecar, an old one, or other exclusions than the mesh has, and for what made them.
 *
 * @param names  only these namespaces; undefined: the cluster
 * @throws       CommandError for a named one that is not there, or not in the mesh
 */
export async function readRestartPlan(
  connection: KubeConnection,
  wanted: WantedSidecar,
  names: readonly string[] | undefined,
): Promise<RestartPlan> {
  const namespaces = names ? await namedNamespaces(connection, names, wanted.place) : await readNamespaces(connection);
  const pods = await readSidecarPods(connection, names && [...namespaces.keys()]);
  const outdated = outdatedPods(pods, namespaces, wanted);
  const owners = await readReplicaSetOwners(
    connection,
    new Set(outdated.filter(({ controller }) => controller?.kind === "ReplicaSet").map(({ namespace }) => namespace)),
  );
  const { workloads, byHand } = groupPods(outdated, owners);
  const injects = workloads.length === 0 || (await servesInjection(connection));
  const planned: PlannedRestart[] = [];
  for (const group of workloads) {
    const workload = await readWorkload(connection, group.workload);
    // Gone since its pods were listed, and so are they.
    if (!workload) continue;
    const namespace = namespaces.get(workload.namespace) ?? { name: workload.namespace };
    const hindrance = obstacle(workload, namespace, wanted, injects);
    planned.push({ ...group, ...(hindrance === undefined ? {} : { obstacle: hindrance }) });
  }
  return { wanted, workloads: planned, byHand };
}

async function namedNamespaces(
  connection: KubeConnection,
  names: readonly string[],
  place: MeshPlace,
): Promise<ReadonlyMap<string, InjectionNamespace>> {
  const found = new Map<string, InjectionNamespace>();
  for (const name of names) {
    const namespace = await readNamespace(connection, name);
    if (!namespace) throw new CommandError(`namespace ${name} does not exist`, "see osm namespace list");
    if (!isInMesh(namespace, place)) {
      throw new CommandError(
        `namespace ${name} is not in mesh ${place.meshName}: its pods would come without a sidecar`,
        `osm namespace add ${name}, or leave it out`,
      );
    }
    found.set(name, namespace);
  }
  return found;
}
