import type { MeshObservation, ObservedPod } from "./observation.ts";

/**
 * The pods that are the mesh's: of its namespaces, and of those that have left it and still have a ConfigMap of its. By its
 * containers and volumes anybody can make any pod look like one of these: he would be given a configuration, and could
 * hold the whole mesh's status back. A sidecar's ConfigMap is the reconcilers' alone to write, in every namespace.
 *
 * @param pods  with a sidecar, of the whole cluster
 */
export function meshPods(
  { namespaces, accounts, configMaps }: Pick<MeshObservation, "namespaces" | "accounts" | "configMaps">,
  pods: readonly ObservedPod[],
): readonly ObservedPod[] {
  const known = new Set([...(namespaces ?? []), ...[...accounts, ...configMaps].map(({ namespace }) => namespace)]);
  return pods.filter(({ namespace }) => known.has(namespace));
}
