import pLimit from "p-limit";
import { type KubeConnection, maxInFlight } from "../kube/connection.ts";
import { readReplicaSetOwners, readSidecarPods } from "../kube/sidecar-pods.ts";
import { readWorkload } from "../kube/workloads.ts";
import { podKey } from "../rollout/observation.ts";
import { type ByHand, groupPods, type WorkloadRef } from "../rollout/restart/groups.ts";
import type { SidecarPod } from "../rollout/restart/outdated.ts";
import { plainRemedy, workloadText } from "../rollout/restart/workload.ts";

/** Pods that have a sidecar, by what made them. */
export interface LeftWorkload {
  /** `Deployment shop/web`, `Job shop/load`, `Pod shop/one`. */
  readonly of: string;
  readonly namespace: string;
  /** `namespace/name`. */
  readonly pods: readonly string[];
  /** What brings pods without a sidecar, once nothing injects them any more. */
  readonly remedy: string;
}

/** Of the whole cluster, by namespace and name; not pods that have ended or are being deleted. */
export async function readSidecarOwners(connection: KubeConnection): Promise<readonly LeftWorkload[]> {
  const pods = (await readSidecarPods(connection, undefined)).filter((pod) => pod.sidecarImages !== undefined);
  const ofReplicaSets = pods.filter(({ controller }) => controller?.kind === "ReplicaSet");
  const owners = await readReplicaSetOwners(connection, new Set(ofReplicaSets.map(({ namespace }) => namespace)));
  const { workloads, byHand } = groupPods(pods, owners);
  const limit = pLimit(maxInFlight);
  const remedies = await Promise.all(workloads.map(({ workload }) => limit(() => remedyOf(connection, workload))));
  return [
    ...workloads.map(({ workload, pods: its }, at) => ({
      of: workloadText(workload),
      namespace: workload.namespace,
      pods: its.map(podKey),
      remedy: remedies[at] ?? "",
    })),
    ...byHand.map(handText),
  ];
}

async function remedyOf(connection: KubeConnection, ref: WorkloadRef): Promise<string> {
  const workload = await readWorkload(connection, ref);
  return workload ? plainRemedy(workload) : "none: it is gone, and its pods go too";
}

function handText({ namespace, owner, pods }: ByHand<SidecarPod>): LeftWorkload {
  const names = pods.map(({ name }) => name);
  const [kind, name] = owner?.split(" ") ?? ["Pod", names[0]];
  const remedies: Readonly<Record<string, string>> = {
    Pod: "delete it, and create it again",
    Job: "let it end, or delete the Job",
  };
  return {
    of: `${kind} ${namespace}/${name}`,
    namespace,
    pods: pods.map(podKey),
    remedy: remedies[kind ?? ""] ?? `kubectl delete pod -n ${namespace} NAME, one by one`,
  };
}

export function podCount(workloads: readonly LeftWorkload[]): number {
  return workloads.reduce((sum, { pods }) => sum + pods.length, 0);
}
