import { annotations, sidecar } from "../mesh/names.ts";
import {
  type JudgedContainer,
  type JudgedPod,
  type JudgedStatus,
  type JudgedVolume,
  outsideReasons,
} from "../mesh/pod-guarantee.ts";
import type { ObservedPod, Poke } from "../rollout/observation.ts";
import type { KubeConnection } from "./connection.ts";
import { injectedParts, type PodWithParts } from "./injected-parts.ts";
import { listAll } from "./list.ts";

/**
 * Injected pods of the whole cluster that have not finished. No label selects them: whoever may edit a pod may take a
 * label off, and the pod would be out of sight.
 */
export function readPods(connection: KubeConnection): Promise<readonly ObservedPod[]> {
  return listAll(connection, "/api/v1/pods", decodePod, {
    query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
  });
}

interface RawPod extends JudgedPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Omit<JudgedPod["spec"], "initContainers" | "volumes"> & {
    readonly serviceAccountName?: string;
    readonly initContainers?: readonly (JudgedContainer & { readonly restartPolicy?: string })[];
    readonly volumes?: readonly (JudgedVolume & { readonly configMap?: { readonly name?: string } })[];
  };
  readonly status?: Omit<NonNullable<JudgedPod["status"]>, "initContainerStatuses"> & {
    readonly initContainerStatuses?: readonly (JudgedStatus & {
      readonly state?: { readonly running?: { readonly startedAt?: string } };
    })[];
  };
}

/** Name of the ConfigMap that its sidecar reads; undefined for a pod without our sidecar. */
export function sidecarConfigOf(object: unknown): string | undefined {
  const { spec } = object as RawPod;
  const container = spec.initContainers?.find(({ name }) => name === sidecar.container);
  if (container?.restartPolicy !== "Always") return undefined;
  return spec.volumes?.find(({ name }) => name === sidecar.volume)?.configMap?.name;
}

/** @returns undefined for a pod without our sidecar */
export function decodePod(object: unknown): ObservedPod | undefined {
  const configMap = sidecarConfigOf(object);
  if (configMap === undefined) return undefined;
  const { metadata, spec, status } = object as RawPod;
  const outside = outsideReasons(object as RawPod);
  const running = status?.initContainerStatuses?.find(({ name }) => name === sidecar.container)?.state?.running;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    account: spec.serviceAccountName ?? "default",
    configMap,
    terminating: metadata.deletionTimestamp !== undefined,
    sidecarStartedAtMs: running === undefined ? undefined : Date.parse(running.startedAt ?? "") || 0,
    poke: decodePoke(metadata.annotations?.[annotations.poke]),
    injected: injectedParts(object as PodWithParts),
    // The security contexts themselves would stay in memory, of every container of the mesh.
    ...(outside.length > 0 ? { outside } : {}),
  };
}

/** `<digest> <time>`, and `again N` and `unverified` where that is so. */
export function pokeText({ digest, atMs, again, unverified }: Poke): string {
  const more = [...(again === undefined ? [] : [`again ${again}`]), ...(unverified ? ["unverified"] : [])];
  return [digest, new Date(atMs).toISOString(), ...more].join(" ");
}

export function decodePoke(text: string | undefined): Poke | undefined {
  const match = /^((?:on|off)-[0-9a-f]{32}) (\S+)(?: again (\d{1,3}))?( unverified)?$/.exec(text ?? "");
  const atMs = Date.parse(match?.[2] ?? "");
  if (match?.[1] === undefined || Number.isNaN(atMs)) return undefined;
  return {
    digest: match[1],
    atMs,
    ...(match[3] === undefined ? {} : { again: Number(match[3]) }),
    ...(match[4] === undefined ? {} : { unverified: true }),
  };
}
