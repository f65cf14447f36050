import { type InjectionNamespace, type InjectionPod, isInMesh, isToBeInjected } from "../../mesh/injection-rule.ts";
import type { MeshPlace } from "../../mesh/names.ts";
import type { WorkloadRef } from "./groups.ts";

/** A workload as the API server has it: its template, how its pods are replaced, and how far that is. */
export interface Workload extends WorkloadRef {
  /** Changes with every change of the spec. */
  readonly generation: number;
  /** Generation that the numbers below are about. */
  readonly observedGeneration: number;
  readonly template: InjectionPod;
  /** `RollingUpdate`, `Recreate` or `OnDelete`. */
  readonly strategy: string;
  readonly paused: boolean;
  /** Of a StatefulSet: pods with a lower ordinal keep the old template. */
  readonly partition: number;
  readonly wanted: number;
  readonly updated: number;
  /** Pods of an older template. */
  readonly old: number;
  readonly available: number;
  /** Its controller's own words for having given up. */
  readonly gaveUp?: string;
}

/** How a workload is called in messages. */
export function workloadText({ kind, namespace, name }: Pick<WorkloadRef, "kind" | "namespace" | "name">): string {
  return `${kind} ${namespace}/${name}`;
}

/** Why a restart would not bring all its pods the sidecar, and what to do instead; undefined where it would. */
export function obstacle(workload: Workload, namespace: InjectionNamespace, place: MeshPlace): string | undefined {
  if (!isInMesh(namespace, place)) {
    return `namespace ${namespace.name} is not in the mesh any more: new pods would come without a sidecar`;
  }
  if (!isToBeInjected(namespace, workload.template, place)) {
    return "its pod template wants no sidecar, or cannot have one: new pods would come without";
  }
  if (workload.paused) return "it is paused: kubectl rollout resume, then again";
  if (workload.strategy === "OnDelete") return "its update strategy is OnDelete: delete its pods one by one";
  if (workload.partition > 0) {
    return `its update strategy has partition ${workload.partition}: pods below that would stay; delete these one by one`;
  }
  return undefined;
}

export type RolloutState =
  | { readonly kind: "done" }
  /** What is waited for. */
  | { readonly kind: "under-way"; readonly what: string }
  | { readonly kind: "failed"; readonly why: string };

/** As `kubectl rollout status` judges. @param generation  of the restart */
export function rolloutState(workload: Workload, generation: number): RolloutState {
  const { wanted, updated, old, available } = workload;
  const underWay = (what: string): RolloutState => ({ kind: "under-way", what });
  if (workload.observedGeneration < generation) return underWay("its controller has not seen the restart");
  if (workload.paused) return { kind: "failed", why: "it was paused meanwhile" };
  if (workload.gaveUp !== undefined) return { kind: "failed", why: workload.gaveUp };
  if (updated < wanted) return underWay(`${updated} of ${wanted} pods replaced`);
  if (old > 0) return underWay(`old pods still there: ${old}`);
  if (available < wanted) return underWay(`${available} of ${wanted} new pods available`);
  return { kind: "done" };
}
