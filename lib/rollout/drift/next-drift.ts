import type { DriftMode } from "../observation.ts";
import { correctionsOf, forgetAfterMs, type HeldDrift } from "./correction.ts";
import {
  type DriftStatus,
  maxOwnFindings,
  maxPastFindings,
  maxReportedFindings,
  type OpenFinding,
  type PastFinding,
} from "./drift-status.ts";
import { type Finding, fitted } from "./finding.ts";

/** What one look shows of drift. */
export interface DriftFacts {
  readonly mode: DriftMode;
  /** Altered, and left so for now. */
  readonly held: readonly HeldDrift[];
  /** Altered, and written back by this pass. */
  readonly written: readonly WrittenBack[];
  /** Sidecars on another version than their ConfigMap. */
  readonly strayed: readonly Finding[];
  /** Objects of which a sidecar has not shown that it runs what it must, as findings name them. */
  readonly unsettled: ReadonlySet<string>;
  /** Pods that run, as findings name them. */
  readonly running: ReadonlySet<string>;
  /** What only a person may put right; absent: nobody has looked this time. */
  readonly surveyed?: Surveyed;
  /** A drift pass has come to its end. */
  readonly isCheck: boolean;
  /** The line that corrects what is only detected. */
  readonly correctLine: string;
}

export interface WrittenBack {
  readonly finding: Finding;
  /** Under another version, made with this. */
  readonly proof?: string | undefined;
  readonly at: string;
  /** This time included. */
  readonly times: number;
}

export interface Surveyed {
  readonly findings: readonly Finding[];
  /** Some of it could not be looked at: what is not found again may still be so. */
  readonly isPartial: boolean;
}

/** The record after a look; what nobody has looked at this time stays as it was. */
export function nextDrift(before: DriftStatus, facts: DriftFacts, nowMs: number): DriftStatus {
  const now = new Date(nowMs).toISOString();
  const known = new Map((before.findings ?? []).map((finding) => [keyOf(finding), finding]));
  const fresh = new Map<string, OpenFinding>();
  for (const found of foundNow(before, facts, nowMs)) {
    const finding = sinceItWasFound(fitted(found), known, now);
    fresh.set(keyOf(finding), finding);
  }
  const ended: PastFinding[] = [];
  const open: OpenFinding[] = [];
  const kept = [...known].flatMap(([key, finding]) => (fresh.has(key) ? [] : [takenUp(finding, facts)]));
  for (const finding of [...fresh.values(), ...kept]) {
    const outcome = outcomeOf(finding, fresh.has(keyOf(finding)), facts);
    if (outcome === undefined) open.push(finding);
    else ended.push(past(finding, outcome, now));
  }
  const reported = sorted(open.filter(isReported));
  const own = sorted(open.filter((finding) => !isReported(finding)));
  const findings = [...own.slice(0, maxOwnFindings), ...reported.slice(0, maxReportedFindings)];
  const checkedAt = facts.isCheck ? now : before.checkedAt;
  // Those that were cut are known to whoever surveyed.
  const more = facts.surveyed ? reported.length - maxReportedFindings : (before.more ?? 0);
  return {
    ...(checkedAt === undefined ? {} : { checkedAt }),
    ...(findings.length > 0 ? { findings } : {}),
    ...(more > 0 ? { more } : {}),
    ...history(before.history ?? [], ended, nowMs),
  };
}

type Found = Omit<OpenFinding, "foundAt">;

function foundNow(before: DriftStatus, facts: DriftFacts, nowMs: number): readonly Found[] {
  const { correctLine: repair } = facts;
  return [
    ...facts.held.map((held) => heldFinding(held, before, { nowMs, repair })),
    ...facts.written.map(
      ({ finding, proof, at: correctedAt, times }): Found => ({
        ...finding,
        correctedAt,
        times,
        ...(proof === undefined ? { action: "Correcting" } : { action: "Unproven", proof }),
      }),
    ),
    ...facts.strayed.map(
      (finding): Found =>
        facts.mode === "detect" ? { ...finding, action: "Detected", repair } : { ...finding, action: "Correcting" },
    ),
    ...(facts.surveyed?.findings ?? []).map((finding): Found => ({ ...finding, action: "Reported" })),
  ];
}

function heldFinding(
  { finding, hold }: HeldDrift,
  before: DriftStatus,
  { nowMs, repair }: { readonly nowMs: number; readonly repair: string },
): Found {
  const { times, lastAtMs } = correctionsOf(finding.object, before, nowMs);
  const corrected = times === 0 ? {} : { times, correctedAt: new Date(lastAtMs).toISOString() };
  return hold.kind === "detect"
    ? { ...finding, ...corrected, action: "Detected", repair }
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
  if (isReported(finding)) {
    return isFoundNow || !facts.surveyed || facts.surveyed.isPartial ? undefined : "Gone";
  }
  // A pod that has not been asked yet says nothing, nor one that is silent.
  if (facts.unsettled.has(finding.object)) return undefined;
  if (finding.action === "Correcting" || finding.action === "Unproven") {
    const isPodGone = finding.object.startsWith("Pod ") && !facts.running.has(finding.object);
    return isPodGone ? "Gone" : "Corrected";
  }
  return isFoundNow ? undefined : "Gone";
}

function past(open: OpenFinding, outcome: PastFinding["outcome"], endedAt: string): PastFinding {
  const { action: _, nextCorrectionAt: __, proof: ___, ...finding } = open;
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

function isReported({ action }: Pick<OpenFinding, "action">): boolean {
  return action === "Reported";
}

/** Of one object a person and the reconciler may have something each to put right; a person, several things. */
function keyOf({ object, field, action }: Pick<OpenFinding, "object" | "field" | "action">): string {
  return action === "Reported" ? `Reported ${object} ${field}` : object;
}

/** Oldest first; pods last, of which there may be many for one cause. */
function sorted(findings: readonly OpenFinding[]): readonly OpenFinding[] {
  const place = ({ foundAt, object, field, action }: OpenFinding) =>
    `${isReported({ action }) && object.startsWith("Pod ") ? 1 : 0} ${foundAt} ${object} ${field}`;
  return findings.toSorted((left, right) => (place(left) < place(right) ? -1 : 1));
}
