import type { DriftMode } from "../observation.ts";
import { correctionsOf, forgetAfterMs, type HeldDrift } from "./correction.ts";
import { type DriftStatus, maxFindings, maxPastFindings, type OpenFinding, type PastFinding } from "./drift-status.ts";
import type { Finding } from "./finding.ts";

/** What one look shows of drift. */
export interface DriftFacts {
  readonly mode: DriftMode;
  /** Altered, and left so for now. */
  readonly held: readonly HeldDrift[];
  /** Altered, and written back by this pass. */
  readonly written: readonly WrittenBack[];
  /** Sidecars on another version than their ConfigMap. */
  readonly strayed: readonly Finding[];
  /** Objects of which a sidecar still runs something else, as findings name them. */
  readonly unsettled: ReadonlySet<string>;
  /** Pods that run, as findings name them. */
  readonly running: ReadonlySet<string>;
  /** All that only a person may put right; absent: nobody has looked this time. */
  readonly surveyed?: readonly Finding[];
  /** A drift pass has come to its end. */
  readonly isCheck: boolean;
}

export interface WrittenBack {
  readonly finding: Finding;
  readonly at: string;
  /** This time included. */
  readonly times: number;
}

/** The line for what is left because the mesh only detects. */
const correctLine = "osm reconcile --correct";

/** The record after a look; what nobody has looked at this time stays as it was. */
export function nextDrift(before: DriftStatus, facts: DriftFacts, nowMs: number): DriftStatus {
  const now = new Date(nowMs).toISOString();
  const known = new Map((before.findings ?? []).map((finding) => [keyOf(finding), finding]));
  const fresh = new Map(
    foundNow(before, facts, nowMs).map((finding) => [keyOf(finding), sinceItWasFound(finding, known, now)]),
  );
  const ended: PastFinding[] = [];
  const open: OpenFinding[] = [];
  const kept = [...known].flatMap(([key, finding]) => (fresh.has(key) ? [] : [takenUp(finding, facts)]));
  for (const finding of [...fresh.values(), ...kept]) {
    const outcome = outcomeOf(finding, fresh.has(keyOf(finding)), facts);
    if (outcome === undefined) open.push(finding);
    else ended.push(past(finding, outcome, now));
  }
  open.sort((left, right) => (order(left) < order(right) ? -1 : 1));
  const checkedAt = facts.isCheck ? now : before.checkedAt;
  const more = open.length - maxFindings;
  return {
    ...(checkedAt === undefined ? {} : { checkedAt }),
    ...(open.length > 0 ? { findings: open.slice(0, maxFindings) } : {}),
    ...(more > 0 ? { more } : {}),
    ...history(before.history ?? [], ended, nowMs),
  };
}

type Found = Omit<OpenFinding, "foundAt">;

function foundNow(before: DriftStatus, facts: DriftFacts, nowMs: number): readonly Found[] {
  return [
    ...facts.held.map((held) => heldFinding(held, before, nowMs)),
    ...facts.written.map(
      ({ finding, at, times }): Found => ({ ...finding, action: "Correcting", correctedAt: at, times }),
    ),
    ...facts.strayed.map(
      (finding): Found =>
        facts.mode === "detect"
          ? { ...finding, action: "Detected", repair: correctLine }
          : { ...finding, action: "Correcting" },
    ),
    ...(facts.surveyed ?? []).map((finding): Found => ({ ...finding, action: "Reported" })),
  ];
}

function heldFinding({ finding, hold }: HeldDrift, before: DriftStatus, nowMs: number): Found {
  const { times, lastAtMs } = correctionsOf(finding.object, before, nowMs);
  const corrected = times === 0 ? {} : { times, correctedAt: new Date(lastAtMs).toISOString() };
  return hold.kind === "detect"
    ? { ...finding, ...corrected, action: "Detected", repair: correctLine }
    : { ...finding, ...corrected, action: "BackingOff", nextCorrectionAt: hold.until };
}

/** What was found before and is still the same has been so since then. */
function sinceItWasFound(finding: Found, known: ReadonlyMap<string, OpenFinding>, now: string): OpenFinding {
  const before = known.get(keyOf(finding));
  if (before === undefined) return { ...finding, foundAt: now };
  return { ...finding, foundAt: before.foundAt, ...(before.found === finding.found ? { since: before.since } : {}) };
}

/** What was only reported is put right, now that somebody asks for it. */
function takenUp(finding: OpenFinding, { mode, unsettled }: DriftFacts): OpenFinding {
  if (finding.action !== "Detected" || mode === "detect" || !unsettled.has(finding.object)) return finding;
  const { repair: _, ...rest } = finding;
  return { ...rest, action: "Correcting" };
}

/** @returns undefined while it is not right */
function outcomeOf(finding: OpenFinding, isFoundNow: boolean, facts: DriftFacts): PastFinding["outcome"] | undefined {
  if (finding.action === "Correcting") {
    if (facts.unsettled.has(finding.object)) return undefined;
    const isPodGone = finding.object.startsWith("Pod ") && !facts.running.has(finding.object);
    return isPodGone ? "Gone" : "Corrected";
  }
  if (isFoundNow) return undefined;
  // A pod that has not been asked yet says nothing.
  if (facts.unsettled.has(finding.object)) return undefined;
  return finding.action === "Reported" && facts.surveyed === undefined ? undefined : "Gone";
}

function past(open: OpenFinding, outcome: PastFinding["outcome"], endedAt: string): PastFinding {
  const { action: _, nextCorrectionAt: __, ...finding } = open;
  return { ...finding, endedAt, outcome };
}

/** A correction that did not last is told with the one that followed it. */
function history(
  before: readonly PastFinding[],
  ended: readonly PastFinding[],
  nowMs: number,
): Pick<DriftStatus, "history"> {
  const isRepeated = (entry: PastFinding) =>
    ended.some(
      ({ object, outcome, times = 0 }) =>
        object === entry.object &&
        outcome === "Corrected" &&
        times > 1 &&
        nowMs - Date.parse(entry.endedAt) < forgetAfterMs,
    );
  const entries = [...ended, ...before.filter((entry) => !isRepeated(entry))].slice(0, maxPastFindings);
  return entries.length > 0 ? { history: entries } : {};
}

function keyOf({ object, action }: Pick<OpenFinding, "object" | "action">): string {
  // Of one object a person and the reconciler may have something each to put right.
  return `${action === "Reported" ? "Reported " : ""}${object}`;
}

function order({ foundAt, object, field }: OpenFinding): string {
  return `${foundAt} ${object} ${field}`;
}
