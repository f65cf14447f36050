import { createHash } from "node:crypto";
import { keyOwners } from "../kube/field-owners.ts";
import { sidecar } from "../mesh/names.ts";
import type { WatchedKind } from "./watched.ts";
import type { V1Pod, WatchedObject } from "./wire.ts";

/** What stays of an object in memory: who it is, and the marks by which a change that counts is told from one that does not. */
export interface SeenObject {
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Who wrote the key `egress` last; only of osm-config. */
  readonly actor?: string;
  /** Differs whenever something differs that counts. */
  readonly mark: string;
  /** The container that runs as the pod's sidecar; unset while none runs. */
  readonly startedContainer?: string;
}

/** Reduces a decoded object; undefined for a pod without our sidecar. */
export function reduceObject(kind: WatchedKind, decoded: unknown): SeenObject | undefined {
  const object = decoded as WatchedObject;
  const { namespace, name, uid, resourceVersion } = object.metadata;
  const identity = { ...(namespace === undefined ? {} : { namespace }), name, uid, resourceVersion };
  switch (kind) {
    case "ConfigMap": {
      const actor = keyOwners(object.metadata.managedFields, "egress")[0];
      return { ...identity, ...(actor === undefined ? {} : { actor }), mark: resourceVersion };
    }
    case "Namespace":
    case "ServiceAccount":
    case "Service":
      return { ...identity, mark: markOf(object) };
    case "Pod":
      return reducePod(identity, object as V1Pod);
  }
}

type Identity = Pick<SeenObject, "namespace" | "name" | "uid" | "resourceVersion">;

/** Readiness, deletion and the sidecar's start; no annotation, so that our own never wakes us. */
function reducePod(identity: Identity, pod: V1Pod): SeenObject | undefined {
  if (!pod.spec?.initContainers?.some(({ name }) => name === sidecar.container)) return undefined;
  const ready = pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  const container = pod.status?.initContainerStatuses?.find(({ name }) => name === sidecar.container);
  return {
    ...identity,
    mark: `${ready ? "ready" : "unready"} ${pod.metadata.deletionTimestamp === undefined ? "" : "deleting"}`,
    ...(container?.state?.running && container.containerID ? { startedContainer: container.containerID } : {}),
  };
}

/** Everything that people set; not the status, and not the bookkeeping of who set it. */
function markOf(object: WatchedObject): string {
  const { labels, annotations, deletionTimestamp } = object.metadata;
  return createHash("sha256")
    .update(JSON.stringify([labels, annotations, deletionTimestamp, object.spec]))
    .digest("base64")
    .slice(0, 16);
}
