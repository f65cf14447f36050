import { leaseIsBroken } from "../config-writes.ts";
import type { MeshObservation, ObservedPod } from "../observation.ts";
import type { Wanted } from "../wanted.ts";
import { alteredConfigs, type ConfigDrift, missingConfigs } from "./config-drift.ts";
import { correctionsOf, type HeldDrift, heldDrift } from "./correction.ts";
import type { WrittenBack } from "./next-drift.ts";

/** What a look makes of the sidecar ConfigMaps that are not as the reconciler left them. */
export interface DriftPlan {
  /** Left as they are. */
  readonly held: readonly HeldDrift[];
  /** To be written back. */
  readonly due: readonly ConfigDrift[];
}

export interface PlanOptions {
  readonly nowMs: number;
  /** Without them nothing is known of ConfigMaps that are gone: to whoever writes, those are like a new account's. */
  readonly pods?: readonly ObservedPod[] | undefined;
  /** Somebody asks for it: neither mode nor backoff hold anything back. */
  readonly isForced: boolean;
}

export function driftPlan(seen: MeshObservation, wanted: Wanted, options: PlanOptions): DriftPlan {
  const { nowMs, pods, isForced } = options;
  const drifts = [
    ...alteredConfigs(seen, wanted, nowMs),
    ...(pods ? missingConfigs(seen, wanted, pods, { nowMs }) : []),
  ];
  const held = heldDrift(drifts, seen.rollout?.status.drift, {
    mode: seen.rollout?.spec?.drift ?? "correct",
    nowMs,
    // A change goes to everybody, and so does the number of a new Lease.
    isForced: isForced || isOnItsWay(seen, wanted) || leaseIsBroken(seen),
  });
  const heldKeys = keysOf(held);
  return { held, due: drifts.filter(({ key }) => !heldKeys.has(key)) };
}

/** Something may be held back, if it is found: only then must it be known before anything is written. */
export function mayHoldBack({ rollout }: MeshObservation): boolean {
  if (rollout?.spec?.drift === "detect") return true;
  const { findings = [], history = [] } = rollout?.status.drift ?? {};
  return [...findings, ...history].some(({ correctedAt }) => correctedAt !== undefined);
}

export function keysOf(drifts: readonly ConfigDrift[]): ReadonlySet<string> {
  return new Set(drifts.map(({ key }) => key));
}

export function writtenBack(
  drifts: readonly ConfigDrift[],
  seen: MeshObservation,
  nowMs: number,
): readonly WrittenBack[] {
  const at = new Date(nowMs).toISOString();
  return drifts.map(({ finding }) => ({
    finding,
    at,
    times: correctionsOf(finding.object, seen.rollout?.status.drift, nowMs).times + 1,
  }));
}

function isOnItsWay(seen: MeshObservation, { target }: Wanted): boolean {
  const last = seen.rollout?.status.target;
  return last?.digest !== target.digest || last.egress !== target.egress;
}
