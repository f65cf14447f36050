import { type InjectionPod, mirrorAnnotation } from "../mesh/injection-rule.ts";
import { annotations, sidecar } from "../mesh/names.ts";
import type { SurveyedPod } from "../rollout/drift/survey.ts";
import type { KubeConnection } from "./connection.ts";
import { listAll } from "./list.ts";
import { sidecarConfigOf } from "./pod-reader.ts";

/** Pods of the whole cluster that have neither finished nor are being deleted; injected ones may be anywhere. */
export function readSurveyedPods(connection: KubeConnection): Promise<readonly SurveyedPod[]> {
  return listAll(connection, "/api/v1/pods", decodeSurveyedPod, {
    query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
  });
}

interface RawPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly os?: { readonly name?: string };
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly initContainers?: readonly { readonly name: string; readonly image?: string }[];
  };
}

/** @returns undefined for a pod that is being deleted: it gets no other sidecar any more */
export function decodeSurveyedPod(object: unknown): SurveyedPod | undefined {
  const { metadata, spec } = object as RawPod;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  const pod = {
    namespace: metadata.namespace,
    name: metadata.name,
    createdAtMs: Date.parse(metadata.creationTimestamp ?? "") || 0,
  };
  if (sidecarConfigOf(object) !== undefined) {
    const container = spec.initContainers?.find(({ name }) => name === sidecar.container);
    return { ...pod, sidecarImage: container?.image ?? "" };
  }
  return { ...pod, sidecarImage: undefined, injection: injectionPart(object as RawPod) };
}

/** Of annotations only those that count: others may be long, and all of them stay in memory. */
function injectionPart({ metadata, spec }: RawPod): InjectionPod {
  const counting = [annotations.injection, mirrorAnnotation].flatMap((name) => {
    const value = metadata.annotations?.[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const os = spec.os?.name;
  return {
    annotations: Object.fromEntries(counting),
    hostNetwork: spec.hostNetwork ?? false,
    ...(os === undefined ? {} : { os }),
    ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
  };
}
