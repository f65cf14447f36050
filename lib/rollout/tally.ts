import { drainSeconds } from "../envoy/bootstrap.ts";
import { cutText } from "../mesh/cut-text.ts";
import { type ObservedPod, podKey } from "./observation.ts";
import { describeState, type PodState, startResolutionMs } from "./pod-checks.ts";
import type { Target } from "./status.ts";
import { conditionOf, type Lagging, type RolloutStatus, type SidecarCounts } from "./status.ts";

/** All running sidecars, sorted by what they said. Names are `namespace/name`. */
export interface Tally {
  readonly counts: SidecarCounts;
  /** May still come right, or answer. */
  readonly pending: readonly string[];
  /** Answered, and run something else although their time is over. */
  readonly wrong: readonly string[];
  /** Not waited for: going, or silent although their time is over. */
  readonly excused: readonly string[];
  /** Answered, and run something else, whatever is said for them: at these, egress may be open. */
  readonly unverified: readonly string[];
  /** Verified, with connections that are still to be cut. */
  readonly uncut: readonly string[];
  /**
   * Pending or wrong, and not known to have the switch where it must be: their version may differ in other things only.
   * While they have not answered and are in time, not those that may have started after the switch was moved, nor those
   * that are going: a question to a pod whose network comes or goes may be out for 2 s, and a mesh in which pods come and
   * go would never arrive.
   */
  readonly offValue: readonly string[];
  /** How many are known to have the switch where it must be. */
  readonly switched: number;
  readonly lagging: readonly Lagging[];
}

/** A pod as a pass knows it. */
export interface CheckedPod {
  readonly pod: ObservedPod;
  /** `trusted`: verified by an earlier pass, and nothing has changed since. */
  readonly state: PodState | "trusted" | "not-asked";
  /** When the wait for it began: its own poke, or the start of its sidecar. */
  readonly sinceMs: number;
  /** Its ConfigMap was rewritten while it ran: what it said before counts for nothing. */
  readonly suspect: boolean;
  /** Why its last poke was refused: its kubelet looks all the same, at its own pace. */
  readonly unpoked?: string | undefined;
}

/** Characters that the object takes. */
const maxReason = 256;

/** Where a sidecar has shown no open connection for this long, other chains draining do not count against the cut. */
const drainedForMs = drainSeconds * 1000 + 500;

/** When the pods are counted, and for how long each was to be waited for. */
export interface TallyTimes {
  readonly nowMs: number;
  readonly podDeadlineMs: number;
}

/**
 * @param before  a pod that started after its target had converged is verified on its own: until its time is over it
 *                neither counts as pending nor undoes anything
 */
export function tallyOf(
  checked: readonly CheckedPod[],
  before: RolloutStatus,
  target: Target,
  { nowMs, podDeadlineMs }: TallyTimes,
): Tally {
  const pending: string[] = [];
  const wrong: string[] = [];
  const excused: string[] = [];
  const unverified: string[] = [];
  const uncut: string[] = [];
  const offValue: string[] = [];
  const lagging: Lagging[] = [];
  let verified = 0;
  let differingSwitched = 0;
  let rejected = 0;
  let unreachable = 0;
  const stands = before.target?.digest === target.digest && conditionOf(before, "Converged")?.status === "True";
  const convergedMs = stands && before.convergedAt !== undefined ? Date.parse(before.convergedAt) : undefined;
  const switchedMs = switchedAtMs(before, target);

  for (const { pod, state, sinceMs, suspect, unpoked } of checked) {
    const name = podKey(pod);
    if (state === "trusted") {
      verified++;
      continue;
    }
    const startedMs = (pod.sidecarStartedAtMs ?? 0) + startResolutionMs;
    const startedLater = !suspect && convergedMs !== undefined && startedMs > convergedMs;
    const inTime = nowMs - sinceMs < podDeadlineMs;
    const ranAtSwitch = !inTime || startedMs <= switchedMs;
    if (state === "not-asked") {
      if (startedLater) continue;
      pending.push(name);
      if (ranAtSwitch && !pod.terminating) offValue.push(name);
      continue;
    }
    if (state.kind === "verified") {
      verified++;
      const quietMs = nowMs - (convergedMs ?? nowMs);
      if (state.openEgress > 0 || (state.draining > 0 && quietMs < drainedForMs)) uncut.push(name);
      continue;
    }
    const shown = inTime ? state : overdue(state);
    lagging.push({ pod: name, reason: reasonOf(shown, unpoked) });
    if (shown.kind === "rejected") rejected++;
    if (state.kind === "silent") unreachable++;
    else if (state.egress === target.egress) differingSwitched++;
    // What it has not taken yet is its own matter; that it lets traffic out is everybody's.
    const isOpposite = state.kind !== "silent" && state.egress === !target.egress;
    const mayBeLate = startedLater && inTime && state.kind !== "altered";
    if (isOpposite || (state.kind !== "silent" && !mayBeLate)) unverified.push(name);
    if (mayBeLate || (startedLater && inTime && state.kind === "silent")) continue;
    // A kubelet may give a pod that is going no new files any more.
    if (pod.terminating || (state.kind === "silent" && !inTime)) {
      excused.push(name);
      continue;
    }
    // Nobody gives it another configuration for now.
    (inTime && state.kind !== "altered" ? pending : wrong).push(name);
    const isOff = state.kind === "silent" ? ranAtSwitch : state.egress !== target.egress;
    if (isOff) offValue.push(name);
  }
  lagging.sort((left, right) => (left.pod < right.pod ? -1 : 1));
  return {
    counts: { total: checked.length, verified, rejected, unreachable },
    pending,
    wrong,
    excused,
    unverified,
    uncut,
    offValue,
    switched: verified + differingSwitched,
    lagging,
  };
}

/** When the switch began to be moved to where it must be; until that is in the history, everybody ran then. */
function switchedAtMs({ history = [] }: RolloutStatus, target: Target): number {
  const newest = history[0];
  return newest?.to === target.egress ? Date.parse(newest.startedAt) : Number.POSITIVE_INFINITY;
}

function reasonOf(state: PodState, unpoked: string | undefined): string {
  return cutText(
    unpoked === undefined ? describeState(state) : `${describeState(state)}; not poked: ${unpoked}`,
    maxReason,
  );
}

/** It has had its time: that it still runs something else is laid to what it refused. */
function overdue(state: PodState): PodState {
  return state.kind === "differs" && state.hasRefused ? { kind: "rejected", egress: state.egress } : state;
}
