import type { ResultEvent } from "../events/result-event.ts";
import { cutText } from "../mesh/cut-text.ts";
import { mode } from "../mesh/mode.ts";
import { driftAnnouncements } from "./drift/drift-events.ts";
import { conditionOf, type RolloutStatus } from "./status.ts";

/** A Kubernetes Event on osm-config. */
export interface ConfigEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface Announcements {
  readonly bus: readonly ResultEvent[];
  readonly kubernetes: readonly ConfigEvent[];
}

/**
 * What one status tells that the one before did not.
 *
 * Derived from the two alone, so whoever gets the newer one written announces it, and nobody else does.
 */
export function announcements(before: RolloutStatus, after: RolloutStatus, correlationId: string): Announcements {
  const bus: ResultEvent[] = [];
  const kubernetes: ConfigEvent[] = [];
  const entry = after.history?.[0];
  const counts = after.sidecars ?? { total: 0, verified: 0, rejected: 0, unreachable: 0 };

  if (rejectedAnew(before, after)) {
    const problem = conditionOf(after, "Accepted")?.message ?? "";
    bus.push({
      detailType: "Egress Value Rejected",
      detail: {
        correlationId,
        raw: after.observed?.raw ?? null,
        problem: cutText(problem, 256),
        keeps: after.target?.egress ?? false,
        ...(after.observed?.resourceVersion === undefined ? {} : { resourceVersion: after.observed.resourceVersion }),
      },
    });
    kubernetes.push({ type: "Warning", reason: "EgressValueRejected", message: problem });
  }
  if (entry && entry.startedAt !== before.history?.[0]?.startedAt) {
    bus.push({
      detailType: "Egress Rollout Started",
      detail: {
        correlationId,
        from: entry.from ?? null,
        to: entry.to,
        sidecars: counts.total,
        source: entry.source,
        ...(entry.by === undefined ? {} : { actor: entry.by }),
        ...(entry.revision === undefined ? {} : { revision: entry.revision }),
      },
    });
    const by = entry.by === undefined ? "" : ` by ${entry.by}`;
    kubernetes.push({ type: "Normal", reason: "EgressRolloutStarted", message: `egress goes ${mode(entry.to)}${by}` });
  }
  const newly = entry?.outcome === "Converged" && !sameEntryConverged(before, entry.startedAt);
  if (entry && newly) {
    const reason = counts.verified === counts.total ? "AllVerified" : "AllReachableVerified";
    bus.push({
      detailType: "Egress Rollout Converged",
      detail: {
        correlationId,
        egress: entry.to,
        reason,
        sidecars: counts,
        lagging: (after.lagging ?? []).map(({ pod, reason }) => ({ pod, reason: cutText(reason, 256) })),
        tookMs: entry.tookMs ?? 0,
      },
    });
    kubernetes.push({
      type: "Normal",
      reason: "EgressRolloutConverged",
      message: `egress is ${mode(entry.to)} at ${entry.sidecars ?? 0} of ${counts.total} sidecars`,
    });
  }
  if (entry?.cutTookMs !== undefined && before.history?.[0]?.cutTookMs === undefined) {
    kubernetes.push({
      type: "Normal",
      reason: "EgressCut",
      message: `no egress connection is open, ${entry.cutTookMs} ms after the change was taken up`,
    });
  }
  const drift = driftAnnouncements(before.drift, after.drift, correlationId);
  return { bus: [...bus, ...drift.bus], kubernetes: [...kubernetes, ...drift.kubernetes] };
}

function rejectedAnew(before: RolloutStatus, after: RolloutStatus): boolean {
  if (conditionOf(after, "Accepted")?.status !== "False") return false;
  return conditionOf(before, "Accepted")?.status !== "False" || before.observed?.raw !== after.observed?.raw;
}

function sameEntryConverged(before: RolloutStatus, startedAt: string): boolean {
  const entry = before.history?.[0];
  return entry?.startedAt === startedAt && entry.outcome === "Converged";
}
