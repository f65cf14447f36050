import type { EgressError } from "../errors.ts";
import type { ObservedLease } from "../rollout/observation.ts";
import type { Condition } from "../rollout/status.ts";
import type { PassOutcome } from "./pass.ts";

/** How one look of a pass ended. */
export type LookResult =
  | {
      readonly kind: Exclude<PassOutcome["kind"], "held-by-another">;
      readonly sidecars?: SidecarFigures;
      /** A condition of the last status that is not as it must be. */
      readonly unmet?: Condition | undefined;
      /** What could not be written; the rest is done. */
      readonly refusal?: EgressError;
    }
  /** Marked, so that the holder looks again. */
  | { readonly kind: "held-by-another"; readonly lease: ObservedLease }
  /** The world has changed under it. */
  | { readonly kind: "again" };

export interface SidecarFigures {
  readonly sidecars: number;
  readonly verified: number;
  /** What is altered and not right yet. */
  readonly findings: number;
  /** Since the forwarder was last well; known to drift passes, where one is installed. */
  readonly forwarderSilentMs?: number;
  /** From the first write to the last sidecar's answer. */
  readonly convergeMs?: number;
}
