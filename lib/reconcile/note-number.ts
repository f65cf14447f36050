import { maxFencing } from "../mesh/fencing.ts";
import type { MeshObservation } from "../rollout/observation.ts";
import type { ClusterPorts } from "./ports.ts";

/**
 * A number that is given out with a new Lease is noted in the status first. Should that Lease go as well before anything
 * is written with its number, nobody could know of it otherwise, and it would be given out again.
 *
 * @returns false where the status has changed meanwhile: another look shows how
 */
export async function noteNumber(
  ports: ClusterPorts,
  rollout: MeshObservation["rollout"],
  number: number,
): Promise<boolean> {
  // Where there is no EgressRollout nothing can be noted; and with a number above the highest nothing can be written.
  if (rollout === undefined || number > maxFencing) return true;
  const noted = await ports.writeStatus({ ...rollout.status, fencing: number }, rollout.resourceVersion);
  return noted !== "conflict";
}
