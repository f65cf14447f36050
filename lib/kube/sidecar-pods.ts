import type { InjectionNamespace, InjectionPod } from "../mesh/injection-rule.ts";
import { sidecar } from "../mesh/names.ts";
import type { ReplicaSetOwners } from "../rollout/restart/groups.ts";
import type { Capture, Controller, SidecarPod } from "../rollout/restart/outdated.ts";
import { type KubeConnection, metadataOnly } from "./connection.ts";
import { injectedParts, type PodWithParts } from "./injected-parts.ts";
import { resourceOf } from "./kinds.ts";
import { listAll } from "./list.ts";
import { pathOf, read } from "./objects.ts";
import { sidecarConfigOf } from "./pod-reader.ts";

type Texts = Readonly<Record<string, string>>;

/** Where `kubectl rollout restart` writes its time, in a pod template and so on the pods made from it. */
export const restartedAtAnnotation = "kubectl.kubernetes.io/restartedAt";

/** Of these namespaces, or of all. Pods that have finished or are being deleted are left out. */
export async function readSidecarPods(
  connection: KubeConnection,
  namespaces: readonly string[] | undefined,
): Promise<readonly SidecarPod[]> {
  const pods: SidecarPod[] = [];
  for (const namespace of namespaces ?? [undefined]) {
    const path = pathOf(resourceOf({ apiVersion: "v1", kind: "Pod" }), namespace);
    const query = { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" };
    pods.push(...(await listAll(connection, path, decodeSidecarPod, { query })));
  }
  return pods;
}

/** Controllers of the ReplicaSets of these namespaces. */
export async function readReplicaSetOwners(
  connection: KubeConnection,
  namespaces: Iterable<string>,
): Promise<ReplicaSetOwners> {
  const owners = new Map<string, Controller>();
  for (const namespace of namespaces) {
    const path = pathOf(resourceOf({ apiVersion: "apps/v1", kind: "ReplicaSet" }), namespace);
    const decode = (object: unknown) => {
      const { metadata } = object as { readonly metadata: PodMeta };
      return { uid: metadata.uid, owner: controllerOf(metadata) };
    };
    for (const { uid, owner } of await listAll(connection, path, decode, { accept: metadataOnly.list })) {
      if (owner) owners.set(uid, owner);
    }
  }
  return owners;
}

/** All of the cluster's namespaces, by name. */
export async function readNamespaces(connection: KubeConnection): Promise<ReadonlyMap<string, InjectionNamespace>> {
  const found = await listAll(connection, "/api/v1/namespaces", decodeNamespace, { accept: metadataOnly.list });
  return new Map(found.map((namespace) => [namespace.name, namespace]));
}

/** @returns undefined where there is none of that name */
export async function readNamespace(connection: KubeConnection, name: string): Promise<InjectionNamespace | undefined> {
  const found = await read<unknown>(connection, pathOf(resourceOf({ apiVersion: "v1", kind: "Namespace" }), "", name));
  return found === undefined ? undefined : decodeNamespace(found);
}

interface PodMeta {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly deletionTimestamp?: string;
  readonly annotations?: Texts;
  readonly ownerReferences?: readonly (Controller & { readonly controller?: boolean })[];
}

interface RawPod {
  readonly metadata: PodMeta;
  readonly spec: RawPodSpec & {
    readonly initContainers?: readonly { readonly name: string; readonly image?: string }[];
  };
}

interface RawPodSpec {
  readonly hostNetwork?: boolean;
  readonly os?: { readonly name?: string };
  readonly nodeSelector?: Texts;
}

/** @returns undefined for a pod that is being deleted */
export function decodeSidecarPod(object: unknown): SidecarPod | undefined {
  const { metadata, spec } = object as RawPod;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  const controller = controllerOf(metadata);
  const restartedAt = metadata.annotations?.[restartedAtAnnotation];
  const sidecarImages = decodeSidecarImages(object);
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    ...(controller ? { controller } : {}),
    injection: decodeInjectionPod({ metadata, spec }),
    ...(sidecarImages ? { sidecarImages, capture: captureOf(object) } : {}),
    ...(restartedAt === undefined ? {} : { restartedAt }),
  };
}

/** Of the two injected containers of a pod, or of a pod template; undefined where it has no sidecar. */
export function decodeSidecarImages(object: unknown): readonly string[] | undefined {
  if (sidecarConfigOf(object) === undefined) return undefined;
  const injected: readonly string[] = [sidecar.captureContainer, sidecar.container];
  return ((object as Pick<RawPod, "spec">).spec.initContainers ?? [])
    .filter(({ name }) => injected.includes(name))
    .map(({ image = "" }) => image);
}

/** Of a pod with a sidecar, or of such a pod template. */
export function captureOf(object: unknown): Capture {
  const { open, own } = injectedParts(object as PodWithParts);
  return own === undefined ? { open } : { open, own };
}

/** What decides about injection, of a pod or of a pod template. */
export function decodeInjectionPod({
  metadata,
  spec,
}: {
  readonly metadata?: { readonly annotations?: Texts };
  readonly spec: RawPodSpec;
}): InjectionPod {
  return {
    ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
    ...(spec.hostNetwork === undefined ? {} : { hostNetwork: spec.hostNetwork }),
    ...(spec.os?.name === undefined ? {} : { os: spec.os.name }),
    ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
  };
}

export function decodeNamespace(object: unknown): InjectionNamespace {
  const { name, labels, annotations } = (object as { readonly metadata: InjectionNamespace }).metadata;
  return { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

function controllerOf({ ownerReferences = [] }: PodMeta): Controller | undefined {
  const found = ownerReferences.find(({ controller }) => controller);
  return found && { apiVersion: found.apiVersion, kind: found.kind, name: found.name, uid: found.uid };
}
