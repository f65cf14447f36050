import { type InjectionNamespace, type InjectionPod, isToBeInjected } from "../../mesh/injection-rule.ts";
import type { MeshPlace } from "../../mesh/names.ts";

/** A pod that has not finished and is not being deleted, as far as its sidecar goes. */
export interface SidecarPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Who made it and will make its successor; absent where nobody does. */
  readonly controller?: Controller;
  readonly injection: InjectionPod;
  /** Of the two injected containers; absent where they are not there. */
  readonly sidecarImages?: readonly string[];
  /** Its template's restart, as the annotation has it; absent where there was none. */
  readonly restartedAt?: string;
}

/** From the owner reference that says `controller`. */
export interface Controller {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface OutdatedPod extends SidecarPod {
  /** Image of its sidecar; undefined: it has none. */
  readonly found: string | undefined;
}

/** The installed mesh, as pods have to be. */
export interface WantedSidecar {
  readonly image: string;
  readonly place: MeshPlace;
}

/** Whether both injected containers have this image; `found` is what there is instead, undefined for no sidecar. */
export function hasSidecar(pod: SidecarPod, image: string): { readonly found: string | undefined } | true {
  const { sidecarImages } = pod;
  if (sidecarImages === undefined) return { found: undefined };
  const other = sidecarImages.find((it) => it !== image);
  return other === undefined ? true : { found: other };
}

/**
 * Pods that lack the sidecar which they would get if they were created now, and pods with another one than the
 * installed. These also where the mesh would inject no more: a pod is the mesh's for as long as it is injected.
 *
 * @param namespaces  by name; pods of others count as outside the mesh
 */
export function outdatedPods(
  pods: readonly SidecarPod[],
  namespaces: ReadonlyMap<string, InjectionNamespace>,
  { image, place }: WantedSidecar,
): readonly OutdatedPod[] {
  return pods.flatMap((pod) => {
    const has = hasSidecar(pod, image);
    if (has === true) return [];
    const namespace = namespaces.get(pod.namespace) ?? { name: pod.namespace };
    const isConcerned = has.found !== undefined || isToBeInjected(namespace, pod.injection, place);
    return isConcerned ? [{ ...pod, found: has.found }] : [];
  });
}
