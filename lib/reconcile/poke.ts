import { EgressError } from "../errors.ts";
import type { ObservedPod, Poke } from "../rollout/observation.ts";
import type { PassLog } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";

/**
 * One pod that cannot be poked (a policy of its namespace, annotations that are full, an API server out of breath) holds no
 * other back: it is asked like the others, poked again, and named if it stays behind.
 *
 * @returns why it was not poked; undefined where it was, or is gone
 */
export async function poke(
  ports: ClusterPorts,
  log: PassLog,
  pod: ObservedPod,
  note: Poke,
): Promise<EgressError | undefined> {
  try {
    await ports.poke(pod, note);
    return undefined;
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    log.warn("pod not poked", { pod: `${pod.namespace}/${pod.name}`, problem: error.message });
    return error;
  }
}
