import type { Testimony } from "./attribution.ts";
import type { RefusedAccount } from "./conditions.ts";
import type { DriftFacts } from "./drift/next-drift.ts";
import type { ObservedOsmConfig } from "./observation.ts";
import type { OutsideGuarantee } from "./outside-guarantee.ts";
import type { Tally } from "./tally.ts";
import type { Wanted } from "./wanted.ts";

/** Everything that a status is derived from, besides the one before it. */
export interface StatusFacts {
  readonly nowMs: number;
  /** When the target began to be written: before the status that first tells of it. */
  readonly startedMs: number;
  readonly osmConfig: ObservedOsmConfig | undefined;
  readonly wanted: Wanted;
  readonly tally: Tally;
  readonly outside: OutsideGuarantee;
  readonly refused: readonly RefusedAccount[];
  readonly drift: DriftFacts;
  /** What woke the pass. */
  readonly source: string;
  /** Who made the change that woke the pass, and which version of osm-config came of it. */
  readonly actor?: string;
  readonly resourceVersion?: string;
  readonly testimony?: Testimony;
}
