import type { DriftMode } from "../observation.ts";
import type { ConfigDrift } from "./config-drift.ts";
import type { DriftStatus } from "./drift-status.ts";

/** Why an alteration is left as it is for now. */
export type Hold = { readonly kind: "detect" } | { readonly kind: "backoff"; readonly until: string };

export interface HeldDrift extends ConfigDrift {
  readonly hold: Hold;
}

/** As Argo CD's self-heal: the first correction comes at once, the next ones at these distances, and then the last. */
const backoffMs: readonly number[] = [2_000, 6_000, 18_000, 54_000, 162_000, 300_000];
/** An object that stayed right for so long after its last correction begins anew. */
export const forgetAfterMs = 15 * 60_000;

/**
 * Those of the alterations that this pass must not write back.
 *
 * @param isForced  somebody asks for the correction, or the mesh is on its way to something else: everything is written
 */
export function heldDrift(
  drifts: readonly ConfigDrift[],
  before: DriftStatus | undefined,
  { mode, nowMs, isForced }: { readonly mode: DriftMode; readonly nowMs: number; readonly isForced: boolean },
): readonly HeldDrift[] {
  if (isForced) return [];
  return drifts.flatMap((drift): readonly HeldDrift[] => {
    if (mode === "detect") return [{ ...drift, hold: { kind: "detect" } }];
    const untilMs = correctableAtMs(drift, before, nowMs);
    if (untilMs <= nowMs) return [];
    return [{ ...drift, hold: { kind: "backoff", until: new Date(untilMs).toISOString() } }];
  });
}

/** How often this object was corrected without staying right, and when last. */
export function correctionsOf(
  object: string,
  before: DriftStatus | undefined,
  nowMs: number,
): { readonly times: number; readonly lastAtMs: number } {
  const records = [...(before?.findings ?? []), ...(before?.history ?? [])];
  const record = records.find((it) => it.object === object && it.correctedAt !== undefined);
  const lastAtMs = Date.parse(record?.correctedAt ?? "");
  if (record === undefined || Number.isNaN(lastAtMs) || nowMs - lastAtMs > forgetAfterMs) {
    return { times: 0, lastAtMs: Number.NEGATIVE_INFINITY };
  }
  return { times: record.times ?? 1, lastAtMs };
}

function correctableAtMs({ finding }: ConfigDrift, before: DriftStatus | undefined, nowMs: number): number {
  const { times, lastAtMs } = correctionsOf(finding.object, before, nowMs);
  if (times === 0) return nowMs;
  // Another machine's clock may be ahead; nobody waits for longer than the backoff says.
  return Math.min(lastAtMs, nowMs) + (backoffMs[Math.min(times, backoffMs.length) - 1] ?? 0);
}
