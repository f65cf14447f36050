import { expect, test } from "vitest";
import { defaultPodDeadlineMs as podDeadlineMs } from "#lib/rollout/pod-checks.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { type CheckedPod, type Tally, tallyOf } from "#lib/rollout/tally.ts";
import { nowMs, podSeen } from "../../scripted/world-at-rest.ts";

const target = { digest: "d", egress: false };
const convergedMs = nowMs - 60_000;
const converged: RolloutStatus = {
  target,
  convergedAt: new Date(convergedMs).toISOString(),
  conditions: [{ type: "Converged", status: "True", reason: "AllVerified", message: "", lastTransitionTime: "" }],
};
const silent = { kind: "silent", why: "none within 2 s", terminating: false } as const;
const differs = { kind: "differs", runs: "other", egress: undefined, hasRefused: false } as const;
const verified = { kind: "verified", openEgress: 0, draining: 0 } as const;
const name = "shop/web-1";
const later = podSeen({ sidecarStartedAtMs: convergedMs + 1 });
const going = podSeen({ terminating: true });

type Row = readonly [string, Partial<CheckedPod>, Partial<Tally>, RolloutStatus];
const rows: readonly Row[] = [
  ["trusted", { state: "trusted" }, {}, {}],
  ["verified", { state: verified }, {}, {}],
  ["not asked", { state: "not-asked" }, { pending: [name] }, {}],
  ["silent in its last ms", { state: silent, sinceMs: nowMs - podDeadlineMs + 1 }, { pending: [name] }, {}],
  ["silent beyond it", { state: silent, sinceMs: nowMs - podDeadlineMs }, { excused: [name] }, {}],
  [
    "different in its last ms",
    { state: differs, sinceMs: nowMs - podDeadlineMs + 1 },
    { pending: [name], unverified: [name] },
    {},
  ],
  [
    "different beyond it",
    { state: differs, sinceMs: nowMs - podDeadlineMs },
    { wrong: [name], unverified: [name] },
    {},
  ],
  [
    "rejected beyond it",
    { state: { kind: "rejected", egress: undefined }, sinceMs: nowMs - podDeadlineMs },
    { wrong: [name], unverified: [name] },
    {},
  ],
  ["going and silent", { pod: going, state: { ...silent, terminating: true } }, { excused: [name] }, {}],
  ["going and different", { pod: going, state: differs }, { excused: [name], unverified: [name] }, {}],
  ["started later, not asked", { pod: later, state: "not-asked" }, {}, converged],
  ["started later, different in time", { pod: later, state: differs }, {}, converged],
  ["started later, egress as it must be", { pod: later, state: { ...differs, egress: false } }, {}, converged],
  [
    "started later, egress open",
    { pod: later, state: { ...differs, egress: true } },
    { unverified: [name] },
    converged,
  ],
  [
    "started later, different beyond it",
    { pod: later, state: differs, sinceMs: 0 },
    { wrong: [name], unverified: [name] },
    converged,
  ],
  [
    "started later, its ConfigMap rewritten",
    { pod: later, state: "not-asked", suspect: true },
    { pending: [name] },
    converged,
  ],
  ["started before, not asked", { state: "not-asked" }, { pending: [name] }, converged],
  [
    "started later than another target",
    { pod: later, state: differs },
    { pending: [name], unverified: [name] },
    { ...converged, target: { ...target, digest: "e" } },
  ],
  ["open connection", { state: { ...verified, openEgress: 1 } }, { uncut: [name] }, {}],
  ["open connection, long after", { state: { ...verified, openEgress: 1 } }, { uncut: [name] }, converged],
  ["draining", { state: { ...verified, draining: 1 } }, { uncut: [name] }, {}],
  ["something else draining, no connection seen for long", { state: { ...verified, draining: 1 } }, {}, converged],
];

test.each<readonly [string, CheckedPod["state"], number, readonly string[]]>([
  ["a version with the switch where it must be", { ...differs, egress: false }, nowMs, []],
  ["the same, its time over", { ...differs, egress: false }, 0, []],
  ["a version with the switch the other way", { ...differs, egress: true }, nowMs, [name]],
  ["a version that is none of ours", differs, nowMs, [name]],
  ["the right switch, and an update refused", { kind: "rejected", egress: false }, nowMs, []],
  ["nothing yet, not asked", "not-asked", nowMs, [name]],
  ["nothing, in time", silent, nowMs, [name]],
  ["nothing, its time over", silent, 0, []],
])("a sidecar that says %s: whether its switch is still waited for", (_, state, sinceMs, offValue) => {
  const pod: CheckedPod = { pod: podSeen(), state, sinceMs, suspect: true };
  const tally = tallyOf([pod], {}, target, { nowMs, podDeadlineMs });
  expect(tally.offValue).toEqual(offValue);
  const isKnown = typeof state !== "string" && "egress" in state && state.egress === target.egress;
  expect(tally.switched).toBe(isKnown ? 1 : 0);
});

const switchedMs = nowMs - 10_000;
const moved = (to: boolean): RolloutStatus => ({
  history: [{ to, source: "osm.forwarder", startedAt: new Date(switchedMs).toISOString(), outcome: "Rolling" }],
});
test.each<readonly [string, number, CheckedPod["state"], number, RolloutStatus, readonly string[]]>([
  ["after the switch was moved, silent", switchedMs + 1, silent, nowMs, moved(false), []],
  ["after it, not asked", switchedMs + 1, "not-asked", nowMs, moved(false), []],
  ["after it, not asked, its time over", switchedMs + 1, "not-asked", 0, moved(false), [name]],
  ["after it, the other way", switchedMs + 1, { ...differs, egress: true }, nowMs, moved(false), [name]],
  ["after it, silent beyond its time", switchedMs + 1, differs, 0, moved(false), [name]],
  ["in the second before, silent", switchedMs - 998, silent, nowMs, moved(false), []],
  ["when it was moved, silent", switchedMs - 999, silent, nowMs, moved(false), [name]],
  ["when it was moved, not asked", switchedMs - 999, "not-asked", nowMs, moved(false), [name]],
  ["after an earlier move", switchedMs + 1, silent, nowMs, moved(true), [name]],
])("a sidecar that started %s: whether its switch is still waited for", (_, startedMs, state, sinceMs, before, off) => {
  const pod = podSeen({ sidecarStartedAtMs: startedMs });
  const { offValue, pending, wrong } = tallyOf([{ pod, state, sinceMs, suspect: true }], before, target, {
    nowMs,
    podDeadlineMs,
  });
  expect(offValue).toEqual(off);
  // Whoever differs keeps Converged False all the same.
  expect([...pending, ...wrong]).toEqual([name]);
});

test("a sidecar that is going is waited for until it is asked, and its switch is not", () => {
  const pod = podSeen({ sidecarStartedAtMs: switchedMs - 5_000, terminating: true });
  const { offValue, pending } = tallyOf(
    [{ pod, state: "not-asked", sinceMs: nowMs, suspect: true }],
    moved(false),
    target,
    { nowMs, podDeadlineMs },
  );
  expect({ offValue, pending }).toEqual({ offValue: [], pending: [name] });
});

test.each(rows)("one sidecar, %s", (_, difference, expected, before) => {
  const pod: CheckedPod = { pod: podSeen(), state: "trusted", sinceMs: nowMs, suspect: false, ...difference };
  const { pending, wrong, excused, unverified, uncut } = tallyOf([pod], before, target, { nowMs, podDeadlineMs });
  expect({ pending, wrong, excused, unverified, uncut }).toEqual({
    pending: [],
    wrong: [],
    excused: [],
    unverified: [],
    uncut: [],
    ...expected,
  });
});

test.each([
  [podDeadlineMs - 1, 0, "OtherVersion: runs other"],
  [podDeadlineMs, 1, "Rejected: Envoy refused the configuration"],
])("one that refused something before it was asked, %i ms on, is rejected %i times", (ms, rejected, reason) => {
  const state = { ...differs, hasRefused: true };
  const pod: CheckedPod = { pod: podSeen(), state, sinceMs: nowMs - ms, suspect: true };
  const { counts, lagging } = tallyOf([pod], {}, target, { nowMs, podDeadlineMs });
  expect([counts.rejected, lagging]).toEqual([rejected, [{ pod: name, reason }]]);
});

test("everybody is counted once, and who lags is named in order", () => {
  const states = [verified, "trusted", silent, differs, { kind: "rejected", egress: undefined }, "not-asked"] as const;
  const checked = states.map(
    (state, index): CheckedPod => ({
      pod: podSeen({ name: `web-${9 - index}` }),
      state,
      sinceMs: nowMs,
      suspect: false,
    }),
  );
  const { counts, lagging, switched } = tallyOf(checked, {}, target, { nowMs, podDeadlineMs });
  expect(switched).toBe(2);
  expect(counts).toEqual({ total: 6, verified: 2, rejected: 1, unreachable: 1 });
  expect(lagging.map(({ pod }) => pod)).toEqual(["shop/web-5", "shop/web-6", "shop/web-7"]);
});
