import type { WrittenBack } from "../rollout/drift/next-drift.ts";
import type { MeshObservation, ObservedLease, ObservedPod } from "../rollout/observation.ts";
import type { LeaseInHand } from "./lease-in-hand.ts";
import type { PassContext } from "./pass.ts";
import type { PassMemory } from "./pass-memory.ts";
import type { ClusterPorts } from "./ports.ts";

/** What a pass knows before it takes the Lease. */
export interface Before {
  readonly lease: ObservedLease | undefined;
  /** The number that it must exceed, as far as it is known. */
  readonly fencing: number;
  /** Where there is no Lease, for the number of the next one. */
  readonly rollout?: MeshObservation["rollout"];
  /** For accounts and orphans that only the list of pods tells of. */
  readonly pods?: readonly ObservedPod[];
}

/** A pass while it holds the Lease. */
export interface Holder {
  readonly ports: ClusterPorts;
  readonly context: PassContext;
  readonly memory: PassMemory;
  readonly lease: LeaseInHand;
  /** Alterations that it has written back, in all of its looks. */
  readonly written: WrittenBack[];
}

export function heldByAnother(lease: ObservedLease): boolean {
  return lease.holder !== "" && !lease.expired;
}
