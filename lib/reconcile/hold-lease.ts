import { EgressError } from "../errors.ts";
import { numberToExceed } from "../rollout/config-writes.ts";
import { heldByAnother } from "./holder.ts";
import { LeaseInHand } from "./lease-in-hand.ts";
import { noteNumber } from "./note-number.ts";
import type { ClusterPorts } from "./ports.ts";

const lookMs = 300;

/**
 * Takes the Lease as soon as whoever has it lets it go or is dead, for longer than a pass does.
 *
 * @returns undefined when that was not within the time
 */
export async function holdLease(ports: ClusterPorts, waitMs: number): Promise<LeaseInHand | undefined> {
  const endMs = ports.nowMs() + waitMs;
  for (;;) {
    const { lease: found } = await ports.glance();
    if (!found || !heldByAnother(found)) {
      const seen = await ports.readMesh();
      const number = numberToExceed(seen);
      const isNoted = found !== undefined || (await noteNumber(ports, seen.rollout, number + 1).catch(unlessForbidden));
      const lease = isNoted ? await LeaseInHand.take(ports, found, number) : undefined;
      if (lease) return lease;
    }
    if (ports.nowMs() >= endMs) return undefined;
    await ports.sleep(lookMs);
  }
}

/** Who may take the mesh away need not be allowed to say anything in its status. */
function unlessForbidden(error: unknown): true {
  if (error instanceof EgressError && error.reason === "api-forbidden") return true;
  throw error;
}
