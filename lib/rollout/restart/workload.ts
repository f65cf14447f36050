import { type InjectionNamespace, type InjectionPod, isInMesh, isToBeInjected } from "../../mesh/injection-rule.ts";
import { injectCommand } from "../drift/repairs.ts";
import type { WorkloadRef } from "./groups.ts";
import { type Capture, hasExclusions, type WantedSidecar } from "./outdated.ts";

/** A workload as the API server has it: its template, how its pods are replaced, and how far that is. */
export interface Workload extends WorkloadRef {
  /** Changes with every change of the spec. */
  readonly generation: number;
  /** Generation that the numbers below are about. */
  readonly observedGeneration: number;
  readonly template: InjectionPod;
  /** Of the injected containers in the template itself, as `osm inject` has put them there; empty where none are. */
  readonly templateImages: readonly string[];
  /** The capture in it. */
  readonly templateCapture?: Capture;
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

/**
 * Why a restart would not bring all its pods the sidecar, and what to do instead; undefined where it would.
 *
 * @param injects  the API server puts the sidecar into new pods; else they are as their template has them
 */
export function obstacle(
  workload: Workload,
  namespace: InjectionNamespace,
  wanted: WantedSidecar,
  injects: boolean,
): string | undefined {
  const { image, place } = wanted;
  if (!isInMesh(namespace, place)) {
    return `namespace ${namespace.name} is not in the mesh any more: new pods would come without a sidecar`;
  }
  if (!isToBeInjected(namespace, workload.template, place)) {
    return "its pod template wants no sidecar, or cannot have one: new pods would come without";
  }
  const { templateImages, templateCapture } = workload;
  if (!injects && !(templateImages.length > 0 && templateImages.every((it) => it === image))) {
    return `the API server does not inject, and its pod template has ${templateImages[0] ?? "no sidecar"}: ${injectCommand(place)}`;
  }
  if (!injects && templateCapture && !hasExclusions(templateCapture, wanted)) {
    return `the API server does not inject, and its pod template has other exclusions than the mesh: ${injectCommand(place)}`;
  }
  if (workload.paused) return "it is paused: kubectl rollout resume, then again";
  if (workload.strategy === "OnDelete") return "its update strategy is OnDelete: delete its pods one by one";
  if (workload.partition > 0) {
    return `its update strategy has partition ${workload.partition}: pods below that would stay; delete these one by one`;
  }
  return undefined;
}

/** What brings all its pods successors without a sidecar, once nothing injects them any more. */
export function plainRemedy(workload: Workload): string {
  const { kind, namespace, name, strategy, partition, paused, templateImages } = workload;
  const it = `${kind.toLowerCase()}/${name} -n ${namespace}`;
  if (templateImages.length > 0) return "apply its manifest without osm inject: the sidecar stands in its pod template";
  if (strategy === "OnDelete") return `kubectl delete pod -n ${namespace} NAME, one by one: its strategy is OnDelete`;
  const restart = `kubectl rollout restart ${it}`;
  if (paused) return `kubectl rollout resume ${it}, for it is paused; then ${restart}`;
  if (partition > 0) return `set partition ${partition} of its update strategy to 0; then ${restart}`;
  return restart;
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
