import type { MissingSidecarCode } from "./guarantee.ts";
import { annotations, labels, type MeshPlace } from "./names.ts";

type Texts = Readonly<Record<string, string>>;

/** Open Service Mesh's spellings of a yes and a no in the injection annotation, compared in lower case. */
export const injectionWishes = {
  enabled: ["enabled", "yes", "true"],
  disabled: ["disabled", "no", "false"],
} as const;

/** Never the mesh's, whatever their labels: the cluster depends on them. The mesh's own namespace is another. */
export const systemNamespaces = ["kube-system", "kube-public", "kube-node-lease"] as const;

/** What kubelets put on pods that stand in a file of their node. */
export const mirrorAnnotation = "kubernetes.io/config.mirror";

/** A namespace, as far as it decides about injection. */
export interface InjectionNamespace {
  readonly name: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

/** A pod, or the template of one, likewise. */
export interface InjectionPod {
  readonly annotations?: Texts;
  readonly hostNetwork?: boolean;
  /** `spec.os.name`. */
  readonly os?: string;
  readonly nodeSelector?: Texts;
}

/** Whether the namespace is one whose pods the mesh may take. */
export function isInMesh({ name, labels: given = {} }: InjectionNamespace, place: MeshPlace): boolean {
  const isSystem = systemNamespaces.some((it) => it === name) || name === place.osmNamespace;
  return given[labels.monitoredBy] === place.meshName && !isSystem;
}

/** What becomes of a pod when it is created. */
export type InjectionDecision =
  | { readonly kind: "inject" }
  /** `why` reads on after "not injected: ". */
  | { readonly kind: "leave"; readonly why: string }
  /** The annotation of the pod, or of its namespace, is neither a yes nor a no. */
  | { readonly kind: "refuse"; readonly wish: string; readonly by: "pod" | "namespace" };

/**
 * The injection policy's own rule (deploy/injection): what the API server does with such a pod.
 *
 * The pod's annotation wins over its namespace's; an empty one says nothing.
 */
export function decideInjection(namespace: InjectionNamespace, pod: InjectionPod, place: MeshPlace): InjectionDecision {
  if (!isInMesh(namespace, place)) {
    return { kind: "leave", why: `namespace ${namespace.name} is not in mesh ${place.meshName}` };
  }
  const obstacle = obstacleTo(pod);
  if (obstacle !== undefined) return { kind: "leave", why: obstacles[obstacle] };
  const own = pod.annotations?.[annotations.injection];
  const by = own ? "pod" : "namespace";
  const wish = (own || namespace.annotations?.[annotations.injection]) ?? "";
  if (wish === "") return { kind: "leave", why: `neither it nor namespace ${namespace.name} asks for it` };
  if (isOneOf(injectionWishes.enabled, wish)) return { kind: "inject" };
  if (!isOneOf(injectionWishes.disabled, wish)) return { kind: "refuse", wish, by };
  return { kind: "leave", why: `disabled by its ${by === "pod" ? "own annotation" : "namespace's annotation"}` };
}

/** Likewise, for those who look at pods that are there already: a wish that is refused now counts as a yes. */
export function isToBeInjected(namespace: InjectionNamespace, pod: InjectionPod, place: MeshPlace): boolean {
  return decideInjection(namespace, pod, place).kind !== "leave";
}

/**
 * Why a pod of a mesh namespace has no sidecar; undefined for one that is outside the mesh.
 *
 * @param pod  without a sidecar
 */
export function missingSidecar(
  namespace: InjectionNamespace,
  pod: InjectionPod,
  place: MeshPlace,
): MissingSidecarCode | undefined {
  if (!isInMesh(namespace, place)) return undefined;
  const obstacle = obstacleTo(pod);
  if (obstacle !== undefined) return obstacle;
  if (decideInjection(namespace, pod, place).kind !== "leave") return "NoSidecar";
  return pod.annotations?.[annotations.injection] ? "InjectionDisabled" : "NamespaceNotInjected";
}

const obstacles = {
  HostNetwork: "it is in the host's network",
  StaticPod: "it is a mirror pod",
  Windows: "it is for Windows",
} as const satisfies Partial<Record<MissingSidecarCode, string>>;

/** Not where the network is the node's, nor where there is no iptables. */
function obstacleTo({ annotations: given = {}, hostNetwork, os, nodeSelector = {} }: InjectionPod) {
  if (hostNetwork) return "HostNetwork";
  if (mirrorAnnotation in given) return "StaticPod";
  if (os === "windows" || nodeSelector["kubernetes.io/os"] === "windows") return "Windows";
  return undefined;
}

function isOneOf(wishes: readonly string[], wish: string): boolean {
  return wishes.includes(wish.toLowerCase());
}
