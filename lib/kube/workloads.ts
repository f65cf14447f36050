import { changeManager } from "../mesh/field-manager.ts";
import type { WorkloadKind, WorkloadRef } from "../rollout/restart/groups.ts";
import type { Workload } from "../rollout/restart/workload.ts";
import type { KubeConnection } from "./connection.ts";
import { objectPath } from "./kinds.ts";
import { expectOk, read } from "./objects.ts";
import { captureOf, decodeInjectionPod, decodeSidecarImages, restartedAtAnnotation } from "./sidecar-pods.ts";

interface RawWorkload {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly strategy?: RawStrategy;
    readonly updateStrategy?: RawStrategy;
    readonly template: Parameters<typeof decodeInjectionPod>[0];
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly reason?: string; readonly message?: string }[];
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
  };
}

interface RawStrategy {
  readonly type?: string;
  readonly rollingUpdate?: { readonly partition?: number };
}

/** @returns undefined where it is gone, or another has its name */
export async function readWorkload(connection: KubeConnection, ref: WorkloadRef): Promise<Workload | undefined> {
  const found = await read<RawWorkload>(connection, workloadPath(ref));
  return found?.metadata.uid === ref.uid ? decodeWorkload(ref, found) : undefined;
}

/**
 * Restarts it as `kubectl rollout restart` does.
 *
 * @param restartedAt  RFC 3339, another one each time
 * @returns            the generation of the changed spec
 */
export async function restartWorkload(
  connection: KubeConnection,
  ref: WorkloadRef,
  restartedAt: string,
): Promise<number> {
  const response = await expectOk(connection, {
    method: "PATCH",
    path: workloadPath(ref),
    query: { fieldManager: changeManager },
    contentType: "application/merge-patch+json",
    body: { spec: { template: { metadata: { annotations: { [restartedAtAnnotation]: restartedAt } } } } },
  });
  return (JSON.parse(response.text) as RawWorkload).metadata.generation;
}

export function decodeWorkload(ref: WorkloadRef, object: unknown): Workload {
  const { metadata, spec, status = {} } = object as RawWorkload;
  const strategy = spec.strategy ?? spec.updateStrategy ?? {};
  const gaveUp = status.conditions?.find(
    ({ type, reason }) => type === "Progressing" && reason === "ProgressDeadlineExceeded",
  );
  return {
    ...ref,
    generation: metadata.generation,
    observedGeneration: status.observedGeneration ?? 0,
    template: decodeInjectionPod(spec.template),
    ...decodeTemplate(spec.template),
    strategy: strategy.type ?? "RollingUpdate",
    paused: spec.paused ?? false,
    partition: strategy.rollingUpdate?.partition ?? 0,
    ...countsOf(ref.kind, spec.replicas ?? 1, status),
    ...(gaveUp ? { gaveUp: gaveUp.message ?? "its progress deadline is exceeded" } : {}),
  };
}

/** As `osm inject` has put the sidecar there. */
function decodeTemplate(template: unknown): Pick<Workload, "templateImages" | "templateCapture"> {
  const templateImages = decodeSidecarImages(template);
  return templateImages === undefined
    ? { templateImages: [] }
    : { templateImages, templateCapture: captureOf(template) };
}

/** A DaemonSet counts nodes, and tells no old pods apart. */
function countsOf(kind: WorkloadKind, replicas: number, status: NonNullable<RawWorkload["status"]>) {
  if (kind === "DaemonSet") {
    return {
      wanted: status.desiredNumberScheduled ?? 0,
      updated: status.updatedNumberScheduled ?? 0,
      old: 0,
      available: status.numberAvailable ?? 0,
    };
  }
  const { updatedReplicas: updated = 0, availableReplicas: available = 0 } = status;
  return { wanted: replicas, updated, old: Math.max((status.replicas ?? 0) - updated, 0), available };
}

function workloadPath({ kind, namespace, name }: WorkloadRef): string {
  return objectPath({ apiVersion: "apps/v1", kind, metadata: { namespace, name } });
}
