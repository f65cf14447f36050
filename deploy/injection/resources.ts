import type { InjectionResources } from "#lib/mesh/injection.ts";
import type { Cel, Tree } from "../cel.ts";

/**
 * What the pod says about resources, as far as the sidecar's follow from it; the first that is true:
 * the pod has a budget of its own; its class is Guaranteed; all of its own containers have a CPU limit; anything else.
 */
export type PodResources = "budget" | "guaranteed" | "cpu-limited" | "other";

/**
 * Resources that leave the pod in its class: a Guaranteed pod stays one, a CPU limit comes only where the pod's own
 * containers have one (then a quota may ask for it), and where the pod has a budget of its own ours are within that.
 *
 * @param size  a field of MeshInjection's `sidecarResources`
 */
export function sidecarResources(pod: PodResources, size: (field: keyof InjectionResources) => string | Cel): Tree {
  const limits = { cpu: size("cpuLimit"), memory: size("memoryLimit") };
  const requests = { cpu: size("cpuRequest"), memory: size("memoryRequest") };
  switch (pod) {
    case "budget":
      return {};
    case "guaranteed":
      return { limits, requests: limits };
    case "cpu-limited":
      return { limits, requests };
    case "other":
      return { limits: { memory: limits.memory }, requests };
  }
}
