import { mode } from "../mesh/mode.ts";
import { attributed, type Testimony } from "./attribution.ts";
import type { ObservedOsmConfig } from "./observation.ts";
import {
  type Condition,
  conditionOf,
  type HistoryEntry,
  maxHistory,
  maxLagging,
  maxRawLength,
  type RolloutStatus,
  withCondition,
} from "./status.ts";
import type { Tally } from "./tally.ts";
import type { Wanted } from "./wanted.ts";

/** An account whose ConfigMap could not be written, and the API server's words for it. */
export interface RefusedAccount {
  /** `namespace/name`. */
  readonly account: string;
  readonly why: string;
}

/** Everything that a status is derived from, besides the one before it. */
export interface StatusFacts {
  readonly nowMs: number;
  /** When the target began to be written: before the status that first tells of it. */
  readonly startedMs: number;
  readonly osmConfig: ObservedOsmConfig | undefined;
  readonly wanted: Wanted;
  readonly tally: Tally;
  readonly refused: readonly RefusedAccount[];
  /** What woke the pass. */
  readonly source: string;
  /** Who made the change that woke the pass, and which version of osm-config came of it. */
  readonly actor?: string;
  readonly resourceVersion?: string;
  readonly testimony?: Testimony;
}

/** The status after a look; equal to the one before where nothing that people read has changed. */
export function nextStatus(before: RolloutStatus, facts: StatusFacts): RolloutStatus {
  const now = new Date(facts.nowMs).toISOString();
  const { wanted, tally } = facts;
  const sameTarget = before.target?.digest === wanted.target.digest && before.target.egress === wanted.target.egress;
  const started = new Date(facts.startedMs).toISOString();
  const startedAt = sameTarget ? (before.startedAt ?? started) : started;
  const converged = convergedCondition(tally, wanted.target.egress, facts.refused);
  const isConverged = converged.status === "True";
  const wasConverged = sameTarget && conditionOf(before, "Converged")?.status === "True";
  const cut = cutCondition(tally, wanted.target.egress, isConverged);
  const isCut = cut.status === "True";
  const wasCut = sameTarget && conditionOf(before, "EgressCut")?.status === "True";
  const convergedAt = isConverged ? (wasConverged ? before.convergedAt : now) : undefined;
  const cutAt = isCut ? (wasCut ? before.cutAt : now) : undefined;

  let conditions = before.conditions ?? [];
  for (const condition of [acceptedCondition(wanted), converged, cut]) {
    conditions = withCondition(conditions, condition, now);
  }
  return {
    ...before,
    observed: observedValue(facts),
    target: wanted.target,
    ...(isConverged ? { lastGood: wanted.target } : {}),
    phase: isConverged ? "Idle" : "Rolling",
    sidecars: tally.counts,
    lagging: tally.lagging.slice(0, maxLagging),
    startedAt,
    ...optional("convergedAt", convergedAt),
    ...optional("cutAt", cutAt),
    conditions,
    history: attributed(nextHistory(before, facts, { started, isCut }), facts.testimony ?? {}, facts.osmConfig),
  };
}

/** Present with its value, or present as undefined so that it takes the place of the one before; JSON leaves it out. */
function optional<K extends string>(key: K, value: string | undefined): { readonly [key in K]?: string } {
  return { [key]: value } as { readonly [key in K]?: string };
}

function observedValue({ osmConfig, wanted }: StatusFacts): RolloutStatus["observed"] & object {
  if (osmConfig === undefined) return {};
  const raw = osmConfig.data?.["egress"];
  return {
    resourceVersion: osmConfig.resourceVersion,
    // Half a character would come back from the API server as another one, and look like news for ever.
    ...(raw === undefined ? {} : { raw: raw.slice(0, maxRawLength).toWellFormed() }),
    ...(wanted.accepted ? { egress: wanted.target.egress } : {}),
  };
}

type NextCondition = Omit<Condition, "lastTransitionTime">;

function acceptedCondition({ accepted, problems, target }: Wanted): NextCondition {
  const message = problems.map((problem) => problem.message).join("; ");
  if (accepted) {
    return problems.length === 0
      ? { type: "Accepted", status: "True", reason: "Accepted", message: `egress is ${mode(target.egress)}` }
      : { type: "Accepted", status: "True", reason: "OtherKeysKept", message };
  }
  return {
    type: "Accepted",
    status: "False",
    reason: "ValueNotBoolean",
    message: `${message}. The mesh keeps egress ${mode(target.egress)}`,
  };
}

/** Where everybody is excused, being excused proves nothing. */
function nobodyAnswers({ counts, excused, unverified }: Tally): boolean {
  return counts.total > 0 && excused.length === counts.total && unverified.length === 0;
}

function convergedCondition(tally: Tally, egress: boolean, refused: readonly RefusedAccount[]): NextCondition {
  const { counts, pending, wrong, excused } = tally;
  const type = "Converged";
  const share = `${counts.verified} of ${counts.total} sidecars verified with egress ${mode(egress)}`;
  if (refused.length > 0) {
    const named = firstFew(refused.map(({ account, why }) => `${account} (${why.slice(0, maxWhyLength)})`));
    return { type, status: "False", reason: "AccountRefused", message: `${share}; not written: ${named}` };
  }
  if (wrong.length > 0) {
    return { type, status: "False", reason: "SidecarsDiffer", message: `${share}; differing: ${firstFew(wrong)}` };
  }
  if (pending.length > 0) {
    return { type, status: "False", reason: "Waiting", message: `${share}; waiting for: ${firstFew(pending)}` };
  }
  if (nobodyAnswers(tally)) {
    return { type, status: "False", reason: "NobodyAnswers", message: `${share}; silent: ${firstFew(excused)}` };
  }
  return { type, status: "True", reason: verifiedReason(excused), message: share };
}

function cutCondition(tally: Tally, egress: boolean, isConverged: boolean): NextCondition {
  const type = "EgressCut";
  if (egress) return { type, status: "False", reason: "EgressOn", message: "egress is on" };
  if (nobodyAnswers(tally)) {
    return { type, status: "False", reason: "NobodyAnswers", message: "no sidecar says whether connections are open" };
  }
  if (!isConverged) {
    return { type, status: "False", reason: "NotConverged", message: "sidecars are still being verified" };
  }
  if (tally.unverified.length > 0) {
    const message = `answering without being verified: ${firstFew(tally.unverified)}`;
    return { type, status: "False", reason: "SidecarsDiffer", message };
  }
  if (tally.uncut.length > 0) {
    const message = `connections are still draining at: ${firstFew(tally.uncut)}`;
    return { type, status: "False", reason: "Draining", message };
  }
  const where = tally.excused.length === 0 ? "" : " at the sidecars that answered";
  return {
    type,
    status: "True",
    reason: verifiedReason(tally.excused),
    message: `no egress connection is open${where}`,
  };
}

function verifiedReason(excused: readonly string[]): "AllVerified" | "AllReachableVerified" {
  return excused.length === 0 ? "AllVerified" : "AllReachableVerified";
}

const namedPods = 3;
const maxWhyLength = 512;

function firstFew(pods: readonly string[]): string {
  const more = pods.length - namedPods;
  return pods.slice(0, namedPods).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

interface Progress {
  readonly started: string;
  readonly isCut: boolean;
}

/**
 * One entry per value of the switch; changes within the mesh make none, and do not keep one from being done: what counts
 * is that every sidecar has the switch there, whichever in-mesh destinations it knows at that moment.
 */
function nextHistory(before: RolloutStatus, facts: StatusFacts, progress: Progress): readonly HistoryEntry[] {
  const history = before.history ?? [];
  const [newest, ...older] = history;
  const { egress } = facts.wanted.target;
  if (newest?.to !== egress) {
    const from = before.lastGood?.egress ?? before.target?.egress;
    const by = author(facts);
    const started: HistoryEntry = {
      ...(from === undefined ? {} : { from }),
      to: egress,
      ...(by === undefined ? {} : { by }),
      ...changedAt(facts),
      source: facts.source,
      startedAt: progress.started,
      outcome: "Rolling",
    };
    const superseded: readonly HistoryEntry[] =
      newest?.outcome === "Rolling" ? [{ ...newest, outcome: "Superseded" }, ...older] : history;
    return [finished(started, facts, progress), ...superseded].slice(0, maxHistory);
  }
  return [finished(newest, facts, progress), ...older];
}

/** The hint's actor may have changed something else, or been overtaken; then the field's owner has the word. */
function author({ osmConfig, actor, resourceVersion }: StatusFacts): string | undefined {
  const isAboutThis = resourceVersion !== undefined && resourceVersion === osmConfig?.resourceVersion;
  return (isAboutThis ? actor : undefined) ?? osmConfig?.egressManager;
}

/** Known only of a value that is there: one that went away left no manager. */
function changedAt({ osmConfig, wanted }: StatusFacts): Pick<HistoryEntry, "changedAt"> {
  const at = wanted.accepted ? osmConfig?.egressWrittenAt : undefined;
  return at === undefined ? {} : { changedAt: at };
}

function finished(entry: HistoryEntry, facts: StatusFacts, { isCut }: Progress): HistoryEntry {
  // Another machine may have begun, by a clock that is ahead of this one's; the API server refuses a negative figure.
  const sinceStartMs = Math.max(0, facts.nowMs - Date.parse(entry.startedAt));
  let next = entry;
  const { offValue, switched } = facts.tally;
  const isEverywhere = offValue.length === 0 && !nobodyAnswers(facts.tally) && facts.refused.length === 0;
  if (isEverywhere && next.outcome === "Rolling") {
    next = { ...next, outcome: "Converged", tookMs: sinceStartMs, sidecars: switched };
  }
  if (isCut && next.cutTookMs === undefined) next = { ...next, cutTookMs: sinceStartMs };
  return next;
}
