import { type MeshObservation, podKey } from "../observation.ts";
import { startResolutionMs, wantedDigestOf } from "../pod-checks.ts";
import type { RolloutStatus } from "../status.ts";
import type { CheckedPod, Tally } from "../tally.ts";
import type { Wanted } from "../wanted.ts";
import { hasArrived } from "./config-drift.ts";
import { type Finding, maxTextLength } from "./finding.ts";
import type { DriftFacts } from "./next-drift.ts";

/**
 * Sidecars that were verified once and run another version now, although their ConfigMap is right. Those that were silent
 * or behind when the mesh arrived are only late.
 */
export function strayedPods(
  checked: readonly CheckedPod[],
  { seen, wanted, nowMs }: { readonly seen: MeshObservation; readonly wanted: Wanted; readonly nowMs: number },
): readonly Finding[] {
  const before: RolloutStatus = seen.rollout?.status ?? {};
  if (!hasArrived(seen, wanted) || before.convergedAt === undefined) return [];
  const arrivedMs = Date.parse(before.convergedAt);
  const after = before.drift?.checkedAt ?? before.convergedAt;
  const late = new Set((before.lagging ?? []).map(({ pod }) => pod));
  return checked.flatMap(({ pod, state, suspect }): readonly Finding[] => {
    const isOther = typeof state !== "string" && (state.kind === "differs" || state.kind === "rejected");
    if (!isOther || suspect || pod.terminating || late.has(podKey(pod))) return [];
    if ((pod.sidecarStartedAtMs ?? 0) + startResolutionMs > arrivedMs) return [];
    const runs = state.kind === "differs" ? state.runs : "another version";
    return [
      {
        object: `Pod ${podKey(pod)}`,
        field: "sidecar's version",
        wanted: wantedDigestOf(pod, wanted) ?? "none",
        found: runs.slice(0, maxTextLength).toWellFormed(),
        since: { after, before: new Date(nowMs).toISOString() },
      },
    ];
  });
}

/** What of the sidecars' answers decides whether a finding has come right. */
export function settlement(
  checked: readonly CheckedPod[],
  { pending, wrong }: Pick<Tally, "pending" | "wrong">,
): Pick<DriftFacts, "unsettled" | "running"> {
  const open = new Set([...pending, ...wrong]);
  const unsettled = new Set<string>();
  const running = new Set<string>();
  for (const { pod } of checked) {
    running.add(`Pod ${podKey(pod)}`);
    if (!open.has(podKey(pod))) continue;
    unsettled.add(`Pod ${podKey(pod)}`);
    unsettled.add(`ConfigMap ${pod.namespace}/${pod.configMap}`);
  }
  return { unsettled, running };
}
