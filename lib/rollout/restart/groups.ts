import type { Controller, SidecarPod } from "./outdated.ts";

export const workloadKinds = ["Deployment", "StatefulSet", "DaemonSet"] as const;
export type WorkloadKind = (typeof workloadKinds)[number];

/** A workload that can be restarted: its controller replaces its pods when their template changes. */
export interface WorkloadRef {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface WorkloadPods<Pod> {
  readonly workload: WorkloadRef;
  readonly pods: readonly Pod[];
}

/** Pods that no restart of a workload replaces. */
export interface ByHand<Pod> {
  readonly namespace: string;
  /** `Job load`; absent for a pod that nobody made. */
  readonly owner?: string;
  readonly pods: readonly Pod[];
  /** What a person does about them. */
  readonly remedy: string;
}

export interface Grouped<Pod> {
  /** By namespace and name. */
  readonly workloads: readonly WorkloadPods<Pod>[];
  readonly byHand: readonly ByHand<Pod>[];
}

/** Controllers of ReplicaSets, by the ReplicaSet's uid; those without one are not in it. */
export type ReplicaSetOwners = ReadonlyMap<string, Controller>;

/** Pods by what replaces them, in one order every time. */
export function groupPods<Pod extends SidecarPod>(pods: readonly Pod[], owners: ReplicaSetOwners): Grouped<Pod> {
  const groups = new Map<string, Group<Pod>>();
  for (const pod of pods.toSorted(byPlace)) {
    const top = topController(pod, owners);
    const key = top?.uid ?? pod.uid;
    const group = groups.get(key) ?? { namespace: pod.namespace, name: top?.name ?? pod.name, top, pods: [] };
    groups.set(key, { ...group, pods: [...group.pods, pod] });
  }
  const workloads: WorkloadPods<Pod>[] = [];
  const byHand: ByHand<Pod>[] = [];
  for (const group of [...groups.values()].toSorted(byPlace)) {
    const workload = group.top && workloadRef(group.namespace, group.top);
    if (workload) workloads.push({ workload, pods: group.pods });
    else byHand.push(leftToHand(group));
  }
  return { workloads, byHand };
}

interface Group<Pod> {
  readonly namespace: string;
  readonly name: string;
  readonly top: Controller | undefined;
  readonly pods: readonly Pod[];
}

function leftToHand<Pod>({ namespace, top, pods }: Group<Pod>): ByHand<Pod> {
  return { namespace, ...(top ? { owner: `${top.kind} ${top.name}` } : {}), pods, remedy: remedy(top) };
}

/** Pods of one workload, by the same rule. */
export function podsOfWorkload<Pod extends SidecarPod>(
  pods: readonly Pod[],
  owners: ReplicaSetOwners,
  { uid }: WorkloadRef,
): readonly Pod[] {
  return pods.filter((pod) => topController(pod, owners)?.uid === uid);
}

/** The controller's own one, for ReplicaSets. */
function topController(pod: SidecarPod, owners: ReplicaSetOwners): Controller | undefined {
  return pod.controller && (owners.get(pod.controller.uid) ?? pod.controller);
}

function workloadRef(namespace: string, { apiVersion, kind, name, uid }: Controller): WorkloadRef | undefined {
  const known = workloadKinds.find((it) => it === kind);
  return known !== undefined && apiVersion.startsWith("apps/") ? { kind: known, namespace, name, uid } : undefined;
}

function remedy(controller: Controller | undefined): string {
  switch (controller?.kind) {
    case undefined:
      return "delete it and create it again";
    case "Job":
      return "let it end: a CronJob's next run has the sidecar; or delete the Job and create it again";
    case "ReplicaSet":
    case "ReplicationController":
      return "delete the pods one by one: their successors have the sidecar";
    default:
      return `restart it by the means of ${controller?.apiVersion}, or delete its pods one by one`;
  }
}

interface Placed {
  readonly namespace: string;
  readonly name: string;
  readonly top?: Controller | undefined;
}

function byPlace(left: Placed, right: Placed): number {
  return compare(placeOf(left), placeOf(right));
}

/** A blank sorts before every character that a name may have. */
function placeOf({ namespace, name, top }: Placed): string {
  return `${namespace} ${name} ${top?.kind ?? ""}`;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
