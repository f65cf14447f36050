import { type InjectionNamespace, type InjectionPod, isToBeInjected } from "../../mesh/injection-rule.ts";
import type { MeshPlace } from "../../mesh/names.ts";
import type { InjectedParts } from "../observation.ts";

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
  /** Of its capture; absent where it has none. */
  readonly capture?: Capture;
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

/** What a capture lets past, and what of it is the pod's own wish. */
export type Capture = Pick<InjectedParts, "open" | "own">;

export interface OutdatedPod extends SidecarPod {
  /** Image of its sidecar; undefined: it has none. */
  readonly found: string | undefined;
  /** It has the installed image, and was created when the mesh excluded something else. */
  readonly hasOtherExclusions?: true;
}

/** The installed mesh, as pods have to be. */
export interface WantedSidecar {
  readonly image: string;
  readonly place: MeshPlace;
  /** Of the whole mesh. */
  readonly excludedRanges: readonly string[];
  readonly excludedPorts: readonly number[];
}

/** Whether the pod would be captured alike if it were created now. */
export function hasExclusions(
  { open, own = nothing }: Capture,
  { excludedRanges, excludedPorts }: Pick<WantedSidecar, "excludedRanges" | "excludedPorts">,
): boolean {
  return (
    open.udp === own.udp &&
    isSameSet(open.ranges, [...excludedRanges, ...own.ranges]) &&
    isSameSet(open.ports, [...excludedPorts.map(String), ...own.ports])
  );
}

const nothing = { ranges: [], ports: [], udp: false };

function isSameSet(some: readonly string[], others: readonly string[]): boolean {
  return some.every((one) => others.includes(one)) && others.every((one) => some.includes(one));
}

/** Whether both injected containers have this image; `found` is what there is instead, undefined for no sidecar. */
export function hasSidecar(pod: SidecarPod, image: string): { readonly found: string | undefined } | true {
  const { sidecarImages } = pod;
  if (sidecarImages === undefined) return { found: undefined };
  const other = sidecarImages.find((it) => it !== image);
  return other === undefined ? true : { found: other };
}

/**
 * Pods that lack the sidecar which they would get if they were created now, pods with another one than the installed, and
 * pods whose capture has other exclusions than the mesh has now. These also where the mesh would inject no more: a pod is the mesh's for as long as it is injected.
 *
 * @param namespaces  by name; pods of others count as outside the mesh
 */
export function outdatedPods(
  pods: readonly SidecarPod[],
  namespaces: ReadonlyMap<string, InjectionNamespace>,
  wanted: WantedSidecar,
): readonly OutdatedPod[] {
  const { image, place } = wanted;
  return pods.flatMap((pod): readonly OutdatedPod[] => {
    const has = hasSidecar(pod, image);
    if (has === true) {
      const isAlike = pod.capture === undefined || hasExclusions(pod.capture, wanted);
      return isAlike ? [] : [{ ...pod, found: image, hasOtherExclusions: true }];
    }
    const namespace = namespaces.get(pod.namespace) ?? { name: pod.namespace };
    const isConcerned = has.found !== undefined || isToBeInjected(namespace, pod.injection, place);
    return isConcerned ? [{ ...pod, found: has.found }] : [];
  });
}
