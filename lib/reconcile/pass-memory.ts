import type { RefusedAccount } from "../rollout/conditions.ts";
import type { Telling } from "./telling.ts";

/** What a pass knows from one look to the next. */
export interface PassMemory {
  /**
   * ConfigMaps that this pass has rewritten or tried to, as `namespace/name`, and when it last did: their pods are asked
   * in every later look too, whatever they reported before.
   */
  readonly suspects: Map<string, number>;
  /** Of those, the ones that have been written, and whose pods have not all been poked since. */
  readonly unpoked: Set<string>;
  readonly telling: Telling;
  /** The API server has answered at least once. */
  hasSeenCluster?: boolean;
  /** Or may hold it: the request that takes it or lets it go was not answered. */
  holdsLease?: boolean;
  /** Another look follows where something was refused that a moment may cure. */
  mayRetry?: boolean;
  /** What the API server refused to write for reasons of the account's own, in the latest look. */
  refused?: readonly RefusedAccount[];
  /** When the pass began to write what it is to verify. */
  writtenAtMs?: number;
}
