import { drainSeconds } from "../envoy/bootstrap.ts";
import { type ObservedPod, podKey } from "../rollout/observation.ts";
import type { Check } from "./sidecar-check.ts";

/**
 * Whoever wrote nothing has poked pods that came late, and leaves them after their last poke: the schedule asks again. Many
 * such passes that wait would use up the queue's concurrency, and nobody were left to take up a change.
 */
const lookerWaitMs = 6_000;

const drainedMs = drainSeconds * 1_000 + 500;

export interface RoundOptions {
  /**
   * Waits for every sidecar and for the cut; otherwise only for those that it has poked itself, and the rest is asked
   * once: whoever wrote waits for them, and many that wait would be in each other's way.
   */
  readonly isPatient: boolean;
  /** How long a sidecar is waited for after its own poke. */
  readonly podDeadlineMs: number;
  /** ConfigMaps, as `namespace/name`, that are altered or gone and stay so: nothing that their pods say verifies them. */
  readonly altered: ReadonlySet<string>;
  /** Sidecars that have strayed are left as they are; those known already, as `namespace/name`. */
  readonly detected?: ReadonlySet<string> | undefined;
}

/** Something is still to be learnt from this sidecar. @param egress  which way the switch must be */
export function isOpen(check: Check, options: RoundOptions, egress: boolean, nowMs: number): boolean {
  const { state, pod, sinceMs } = check;
  if (state === "trusted") return false;
  if (state === "not-asked") return true;
  if (state.kind === "altered" || isLeft(check, options)) return false;
  if (!options.isPatient && (state.kind === "verified" || !check.poked)) return false;
  if (state.kind === "verified") {
    if (egress) return false;
    // A drain has its end, whenever it began: also a sidecar that has had its time may have been put right just now.
    const isDraining = state.draining > 0 && nowMs - (check.drainingSinceMs ?? nowMs) < drainedMs;
    return isDraining || ((state.openEgress > 0 || state.draining > 0) && nowMs - sinceMs < options.podDeadlineMs);
  }
  // Going, it may get no new files; only whether it still lets something out is of interest.
  if (pod.terminating && (state.kind === "silent" || egress)) return false;
  return nowMs - sinceMs < (options.isPatient ? options.podDeadlineMs : Math.min(lookerWaitMs, options.podDeadlineMs));
}

export function isAltered({ namespace, configMap }: ObservedPod, { altered }: RoundOptions): boolean {
  return altered.has(`${namespace}/${configMap}`);
}

/** Strayed, in a mesh that only detects. */
export function isLeft({ pod, ranBefore, suspect, state }: Check, { detected }: RoundOptions): boolean {
  if (detected === undefined || suspect || typeof state === "string" || state.kind === "verified") return false;
  return state.kind !== "silent" && (ranBefore || detected.has(podKey(pod)));
}
