import { annotations, sidecar } from "../mesh/names.ts";
import type { ObservedPod, Poke } from "../rollout/observation.ts";
import type { KubeConnection } from "./connection.ts";
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

interface RawPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly serviceAccountName?: string;
    readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[];
    readonly volumes?: readonly { readonly name: string; readonly configMap?: { readonly name?: string } }[];
  };
  readonly status?: {
    readonly initContainerStatuses?: readonly {
      readonly name: string;
      readonly state?: { readonly running?: { readonly startedAt?: string } };
    }[];
  };
}

/** @returns undefined for a pod without our sidecar */
export function decodePod(object: unknown): ObservedPod | undefined {
  const { metadata, spec, status } = object as RawPod;
  const container = spec.initContainers?.find(({ name }) => name === sidecar.container);
  const configMap = spec.volumes?.find(({ name }) => name === sidecar.volume)?.configMap?.name;
  if (container?.restartPolicy !== "Always" || configMap === undefined) return undefined;
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
