import { type HistoryEntry, maxHistory, type RolloutStatus } from "./status.ts";
import type { StatusFacts } from "./status-facts.ts";

export interface Progress {
  readonly started: string;
  readonly isCut: boolean;
}

/**
 * One entry per value of the switch; changes within the mesh make none, and do not keep one from being done: what counts
 * is that every sidecar has the switch there, whichever in-mesh destinations it knows at that moment.
 */
export function nextHistory(before: RolloutStatus, facts: StatusFacts, progress: Progress): readonly HistoryEntry[] {
  const history = before.history ?? [];
  const [newest, ...older] = history;
  const { egress } = facts.wanted.target;
  if (newest?.to !== egress) {
    // The switch may be everywhere while in-mesh destinations are still on their way, and the mesh is not as a whole.
    const arrived = history.find(({ outcome }) => outcome === "Converged");
    const from = arrived?.to ?? before.lastGood?.egress ?? before.target?.egress;
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
  const { offValue, switched, counts } = facts.tally;
  // Where nobody is waited for because all have just come or are going, somebody must have said so all the same.
  const isHeard = switched > 0 || counts.total === 0;
  const isEverywhere = offValue.length === 0 && isHeard && facts.refused.length === 0;
  if (isEverywhere && next.outcome === "Rolling") {
    next = { ...next, outcome: "Converged", tookMs: sinceStartMs, sidecars: switched };
  }
  if (isCut && next.cutTookMs === undefined) next = { ...next, cutTookMs: sinceStartMs };
  return next;
}
