import { type Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { ResultEvent } from "../events/result-event.ts";
import type { PassOutcome } from "../reconcile/pass.ts";

/** One metric per result event, so that an alarm on, say, `EgressValueRejected` needs no log filter. */
export function countResult(metrics: Metrics, event: ResultEvent): void {
  metrics.addMetric(event.detailType.replaceAll(" ", ""), MetricUnit.Count, 1);
}

/** Of a pass whose message comes back. */
export function recordFailure(metrics: Metrics): void {
  metrics.addMetric("PassesFailed", MetricUnit.Count, 1);
}

/** Accounts and clusters that a drift check could not look at. */
export function recordUnreadable(metrics: Metrics, count: number): void {
  metrics.addMetric("ClustersUnreadable", MetricUnit.Count, count);
}

/** Figures of all clusters together. @param outcome  undefined when the message became a dead letter */
export function recordOutcome(metrics: Metrics, outcome: PassOutcome | undefined): void {
  metrics.addMetric("DeadLetters", MetricUnit.Count, outcome ? 0 : 1);
  if (!outcome) return;
  const { kind, figures, unmet } = outcome;
  metrics.addMetadata("outcome", kind);
  metrics.addMetric("PassMs", MetricUnit.Milliseconds, figures.tookMs);
  metrics.addMetric("ApiRequests", MetricUnit.Count, figures.requests);
  metrics.addMetric("ApiWrites", MetricUnit.Count, figures.writes);
  metrics.addMetric("SidecarPokes", MetricUnit.Count, figures.pokes);
  metrics.addMetric("SidecarAsks", MetricUnit.Count, figures.asks);
  if (figures.convergeMs !== undefined) metrics.addMetric("ConvergeMs", MetricUnit.Milliseconds, figures.convergeMs);
  if (!hasSeenMesh(outcome)) return;
  metrics.addMetric("DriftFindings", MetricUnit.Count, figures.findings);
  if (figures.forwarderSilentMs !== undefined) {
    metrics.addMetric("ForwarderSilentMs", MetricUnit.Milliseconds, figures.forwarderSilentMs);
  }
  metrics.addMetric("ConditionsUnmet", MetricUnit.Count, unmet ? 1 : 0);
}

/**
 * Figures with dimension `cluster`: what the dashboard shows and what tells which cluster an alarm is about, no more.
 * CloudWatch bills every one of them for each cluster, and for each hour in which it is written.
 *
 * @returns the outcome, as it came
 */
export function recordCluster(metrics: Metrics, cluster: string, outcome: PassOutcome): PassOutcome {
  const { figures, unmet } = outcome;
  const record = (...figure: Parameters<Metrics["addMetric"]>) =>
    metrics
      .singleMetric()
      .addDimension("cluster", cluster)
      .addMetric(...figure);
  if (figures.convergeMs !== undefined) record("ConvergeMs", MetricUnit.Milliseconds, figures.convergeMs);
  if (!hasSeenMesh(outcome)) return outcome;
  record("Sidecars", MetricUnit.Count, figures.sidecars);
  record("SidecarsVerified", MetricUnit.Count, figures.verified);
  // Hardly ever, and so hardly ever billed.
  if (unmet) record("ConditionsUnmet", MetricUnit.Count, 1);
  if (figures.findings === 0) return outcome;
  record("DriftFindings", MetricUnit.Count, figures.findings);
  // A forwarder that is silent for too long is a finding.
  const { forwarderSilentMs } = figures;
  if (forwarderSilentMs !== undefined) record("ForwarderSilentMs", MetricUnit.Milliseconds, forwarderSilentMs);
  return outcome;
}

/** Only a pass that saw the mesh may speak of it: a gauge would drop to 0 whenever others hold the Lease, or overtake it. */
function hasSeenMesh({ kind, isBlind }: PassOutcome): boolean {
  return !isBlind && (kind === "settled" || kind === "out-of-time");
}
