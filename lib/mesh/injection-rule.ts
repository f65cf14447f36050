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

/**
 * Whether the API server would inject a sidecar into such a pod, were it created now: the injection policy's own rule
 * (deploy/injection), for those who look at pods that are there already.
 *
 * The pod's annotation wins over its namespace's; an empty one says nothing. A spelling that is neither a yes nor a no
 * counts as a yes.
 */
export function isToBeInjected(namespace: InjectionNamespace, pod: InjectionPod, place: MeshPlace): boolean {
  if (!isInMesh(namespace, place) || !canBeInjected(pod)) return false;
  const wish = (pod.annotations?.[annotations.injection] || namespace.annotations?.[annotations.injection]) ?? "";
  return wish !== "" && !injectionWishes.disabled.some((no) => no === wish.toLowerCase());
}

/** Not where the network is the node's, nor where there is no iptables. */
function canBeInjected({ annotations: given = {}, hostNetwork, os, nodeSelector = {} }: InjectionPod): boolean {
  const isWindows = os === "windows" || nodeSelector["kubernetes.io/os"] === "windows";
  return !hostNetwork && !(mirrorAnnotation in given) && !isWindows;
}
