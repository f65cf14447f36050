import { canonicalJson, type Json } from "../envoy/canonical-json.ts";
import { conditionOf, type RolloutStatus } from "./status.ts";

/** Something that was written back under another version has not been seen to run yet. */
export function isUnproven({ drift }: RolloutStatus): boolean {
  return drift?.findings?.some(({ action }) => action === "Unproven") ?? false;
}

export function hasConverged(before: RolloutStatus, after: RolloutStatus): boolean {
  const isThere = (status: RolloutStatus) => conditionOf(status, "Converged")?.status === "True";
  return isThere(after) && (!isThere(before) || before.target?.digest !== after.target?.digest);
}

/** As the API server keeps them. */
export function isSame(left: RolloutStatus, right: RolloutStatus): boolean {
  return text(left) === text(right);
}

/** Nothing is new but that somebody has looked. */
export function isOnlyCheck(before: RolloutStatus, after: RolloutStatus): boolean {
  const { checkedAt: _, ...drift } = after.drift ?? {};
  const { checkedAt } = before.drift ?? {};
  return isSame(before, { ...after, drift: { ...drift, ...(checkedAt === undefined ? {} : { checkedAt }) } });
}

export function findingsText({ drift }: RolloutStatus): string {
  return text({ drift: { findings: drift?.findings ?? [] } });
}

/** Through JSON, which drops what is undefined, as the API server would. */
function text(status: RolloutStatus): string {
  return canonicalJson(JSON.parse(JSON.stringify(status)) as Json);
}

/** A change that somebody may be waiting for: of a condition's status, of the target, of the value seen. */
export function isTurn(before: RolloutStatus, after: RolloutStatus): boolean {
  const turns = (status: RolloutStatus) => [
    status.target?.digest,
    status.target?.egress,
    status.observed?.resourceVersion,
    status.history?.[0]?.outcome,
    // Nobody tells it twice: it must not wait, and be lost with a pass that is overtaken.
    ...(status.history ?? []).map(({ revision, users = [] }) => [revision, ...users].join()),
    ...(status.conditions ?? []).map((condition) => `${condition.type} ${condition.status}`),
    ...(status.drift?.findings ?? []).map(({ object, action, times }) => [object, action, times].join()),
    status.drift?.history?.[0]?.endedAt,
  ];
  return turns(before).join() !== turns(after).join();
}
