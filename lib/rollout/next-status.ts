import { cutText } from "../mesh/cut-text.ts";
import { attributed } from "./attribution.ts";
import { acceptedCondition, convergedCondition, cutCondition } from "./conditions.ts";
import { driftedCondition } from "./drift/drifted-condition.ts";
import { nextDrift } from "./drift/next-drift.ts";
import { nextHistory } from "./history.ts";
import { conditionOf, maxLagging, maxRawLength, type RolloutStatus, withCondition } from "./status.ts";
import type { StatusFacts } from "./status-facts.ts";

/** The status after a look; equal to the one before where nothing that people read has changed. */
export function nextStatus(before: RolloutStatus, facts: StatusFacts): RolloutStatus {
  const now = new Date(facts.nowMs).toISOString();
  const { wanted, tally, outside } = facts;
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

  const drift = nextDrift(before.drift ?? {}, facts.drift, facts.nowMs);
  let conditions = before.conditions ?? [];
  for (const condition of [acceptedCondition(wanted), converged, cut, driftedCondition(drift)]) {
    conditions = withCondition(conditions, condition, now);
  }
  return {
    ...before,
    observed: observedValue(facts),
    target: wanted.target,
    ...(isConverged ? { lastGood: { ...wanted.target, ...optional("verifiedAt", convergedAt) } } : {}),
    phase: isConverged ? "Idle" : "Rolling",
    sidecars: { ...tally.counts, outsideGuarantee: outside.count },
    lagging: tally.lagging.slice(0, maxLagging),
    outsideGuarantee: outside.pods,
    ...optional("podsWithoutSidecar", outside.podsWithoutSidecar),
    startedAt,
    ...optional("convergedAt", convergedAt),
    ...optional("cutAt", cutAt),
    conditions,
    ...optional("drift", Object.keys(drift).length > 0 ? drift : undefined),
    history: attributed(nextHistory(before, facts, { started, isCut }), facts.testimony ?? {}, facts.osmConfig),
  };
}

/** Present with its value, or present as undefined so that it takes the place of the one before; JSON leaves it out. */
function optional<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return { [key]: value } as { readonly [key in K]?: V };
}

function observedValue({ osmConfig, wanted }: StatusFacts): RolloutStatus["observed"] & object {
  if (osmConfig === undefined) return {};
  const raw = osmConfig.data?.["egress"];
  return {
    resourceVersion: osmConfig.resourceVersion,
    ...(raw === undefined ? {} : { raw: cutText(raw, maxRawLength) }),
    ...(wanted.accepted ? { egress: wanted.target.egress } : {}),
  };
}
