import { describe, expect, test } from "vitest";
import { nextStatus } from "#lib/rollout/next-status.ts";
import { announcements } from "#lib/rollout/result-events.ts";
import { conditionOf, type RolloutStatus, withCondition } from "#lib/rollout/status.ts";
import type { StatusFacts } from "#lib/rollout/status-facts.ts";
import type { Tally } from "#lib/rollout/tally.ts";
import { type Wanted, wantedMesh } from "#lib/rollout/wanted.ts";
import { meshSeen, nowMs } from "../../scripted/world-at-rest.ts";

const counts = { total: 3, verified: 3, rejected: 0, unreachable: 0 };
const allRight: Tally = {
  counts,
  pending: [],
  wrong: [],
  excused: [],
  unverified: [],
  uncut: [],
  offValue: [],
  switched: 3,
  lagging: [],
};
const five = ["a", "b", "c", "d", "e"];
const waiting: Tally = { ...allRight, counts: { ...counts, verified: 0 }, pending: five, offValue: five };

const noDrift: StatusFacts["drift"] = {
  mode: "correct",
  held: [],
  written: [],
  strayed: [],
  unsettled: new Set(),
  running: new Set(),
  isCheck: false,
  correctLine: "osm reconcile --correct",
};

const nobodyOutside: StatusFacts["outside"] = { count: 0, podsWithoutSidecar: undefined, pods: [] };

interface Look {
  readonly outside?: StatusFacts["outside"];
  readonly egress?: boolean;
  readonly tally?: Partial<Tally>;
  readonly atMs?: number;
  readonly raw?: string;
  readonly accepted?: boolean;
  readonly refused?: StatusFacts["refused"];
  readonly hint?: Pick<StatusFacts, "actor" | "resourceVersion">;
}

function look(
  before: RolloutStatus,
  {
    egress = false,
    tally = {},
    atMs = 0,
    raw,
    accepted = true,
    hint = {},
    refused = [],
    outside = nobodyOutside,
  }: Look,
): RolloutStatus {
  const wanted: Wanted = {
    ...wantedMesh(meshSeen({ running: { egress, permissive: true, inMeshCidrs: [] } })),
    accepted,
  };
  const facts: StatusFacts = {
    nowMs: nowMs + atMs,
    startedMs: nowMs + atMs,
    osmConfig: { uid: "u", resourceVersion: "9", egressManager: "flux", data: { egress: raw ?? String(egress) } },
    wanted,
    tally: { ...allRight, ...tally },
    outside,
    refused,
    drift: noDrift,
    source: "osm.forwarder",
    ...hint,
  };
  return JSON.parse(JSON.stringify(nextStatus(before, facts))) as RolloutStatus;
}

const rest = look({}, {});

test("a look that sees the same makes the same status", () => {
  expect(look(rest, { atMs: 60_000 })).toEqual(rest);
});

test("pods outside the guarantee are counted beside the others and named, and undo nothing", () => {
  const reasons = [{ code: "NoSidecar", message: "none" } as const];
  const pods = [{ pod: "shop/web-1", reasons }];
  const after = look(rest, { outside: { count: 7, podsWithoutSidecar: 2, pods }, atMs: 1 });
  expect(after).toEqual({
    ...rest,
    sidecars: { ...counts, outsideGuarantee: 7 },
    outsideGuarantee: pods,
    podsWithoutSidecar: 2,
  });
});

test("the event that tells of a change's arrival has the count", () => {
  const outside = { count: 7, podsWithoutSidecar: 2, pods: [] };
  const under = look(rest, { egress: true, tally: { ...waiting, switched: 0 }, outside });
  const arrived = look(under, { egress: true, outside, atMs: 400 });
  expect(announcements(under, arrived, "c").bus).toContainEqual({
    detailType: "Egress Rollout Converged",
    detail: expect.objectContaining({ sidecars: { ...counts, outsideGuarantee: 7 } }) as object,
  });
});

describe("Converged", () => {
  test.each<readonly [string, Partial<Tally>, string, string]>([
    ["all verified", {}, "True", "AllVerified"],
    ["no sidecars at all", { counts: { ...counts, total: 0, verified: 0 } }, "True", "AllVerified"],
    ["one excused", { excused: ["a"], counts: { ...counts, verified: 2 } }, "True", "AllReachableVerified"],
    ["one that started later and is in time", { counts: { ...counts, verified: 2 } }, "True", "AllVerified"],
    ["one pending", { pending: ["a"] }, "False", "Waiting"],
    ["one wrong", { wrong: ["a"] }, "False", "SidecarsDiffer"],
    ["one of each", { pending: ["a"], wrong: ["b"], excused: ["c"] }, "False", "SidecarsDiffer"],
    [
      "two of three excused",
      { excused: ["a", "b"], counts: { ...counts, verified: 1 } },
      "True",
      "AllReachableVerified",
    ],
    ["all excused", { excused: ["a", "b", "c"], counts: { ...counts, verified: 0 } }, "False", "NobodyAnswers"],
    [
      "all going, and one of them answers",
      { excused: ["a", "b", "c"], unverified: ["a"], counts: { ...counts, verified: 0 } },
      "True",
      "AllReachableVerified",
    ],
  ])("%s", (_, tally, status, reason) => {
    expect(conditionOf(look(rest, { tally }), "Converged")).toMatchObject({ status, reason });
  });

  test("an account that could not be written keeps it and the history open, and is named with the reason", () => {
    const refused = [{ account: "shop/db", why: "403 exceeded quota" }];
    const after = look(rest, { egress: true, atMs: 1_000, refused });
    expect(conditionOf(after, "Converged")).toMatchObject({
      status: "False",
      reason: "AccountRefused",
      message: "3 of 3 sidecars verified with egress on; not written: shop/db (403 exceeded quota)",
    });
    expect(after.history?.[0]?.outcome).toBe("Rolling");
  });

  test("three are named, the others counted", () => {
    expect(conditionOf(look(rest, { tally: waiting }), "Converged")?.message).toBe(
      "0 of 3 sidecars verified with egress off; waiting for: a, b, c and 2 more",
    );
  });
});

describe("EgressCut", () => {
  test.each<readonly [string, boolean, Partial<Tally>, string, string]>([
    ["on", true, {}, "False", "EgressOn"],
    ["nothing open", false, {}, "True", "AllVerified"],
    ["nothing open, one excused", false, { excused: ["a"] }, "True", "AllReachableVerified"],
    ["not converged", false, { pending: ["a"] }, "False", "NotConverged"],
    ["one draining", false, { uncut: ["a"] }, "False", "Draining"],
    ["one excused that answers", false, { excused: ["a"], unverified: ["a"] }, "False", "SidecarsDiffer"],
    ["all excused", false, { excused: ["a", "b", "c"], counts: { ...counts, verified: 0 } }, "False", "NobodyAnswers"],
  ])("%s", (_, egress, tally, status, reason) => {
    expect(conditionOf(look(rest, { egress, tally }), "EgressCut")).toMatchObject({ status, reason });
  });

  test.each([
    [[], "no egress connection is open"],
    [["a"], "no egress connection is open at the sidecars that answered"],
  ])("of those excused (%j) it says nothing", (excused, message) => {
    expect(conditionOf(look(rest, { tally: { excused } }), "EgressCut")?.message).toBe(message);
  });
});

describe("times and history", () => {
  const started = look(rest, { egress: true, tally: waiting, atMs: 1_000 });
  const ended = look(started, { egress: true, atMs: 1_400 });
  const back = look(ended, { tally: { ...waiting }, atMs: 5_000 });
  const cutting = look(back, { tally: { uncut: ["a"] }, atMs: 5_300 });
  const cut = look(cutting, { atMs: 10_500 });

  test("a change begins", () => {
    expect(started).toMatchObject({ phase: "Rolling", lastGood: { egress: false }, target: { egress: true } });
    expect(started.convergedAt).toBeUndefined();
    expect(started.history?.[0]).toMatchObject({ from: false, to: true, by: "flux", outcome: "Rolling" });
  });

  test("it ends when all are verified", () => {
    expect(ended).toMatchObject({ phase: "Idle", lastGood: { egress: true }, startedAt: started.startedAt });
    expect(ended.history?.[0]).toMatchObject({ outcome: "Converged", tookMs: 400, sidecars: 3 });
    expect(ended.history?.[0]).not.toHaveProperty("cutTookMs");
  });

  test("off has its cut, later than its convergence", () => {
    expect(cutting).toMatchObject({ convergedAt: new Date(nowMs + 5_300).toISOString() });
    expect(cutting.cutAt).toBeUndefined();
    expect(cut.history?.[0]).toMatchObject({ tookMs: 300, cutTookMs: 5_500 });
    expect(cut.convergedAt).toBe(cutting.convergedAt);
  });

  test("a change back before the end supersedes, and says what really ran before", () => {
    const again = look(started, { tally: waiting, atMs: 1_200 });
    expect(again.history?.map(({ to, outcome }) => [to, outcome])).toEqual([
      [false, "Rolling"],
      [true, "Superseded"],
      [false, "Converged"],
    ]);
    expect(again.history?.[0]?.from).toBe(false);
  });

  test("a change from a mesh that has the switch everywhere, but is not converged, is from there", () => {
    const switched = look(started, { egress: true, tally: { pending: ["shop/web-1"] }, atMs: 1_400 });
    expect([switched.history?.[0]?.outcome, switched.lastGood?.egress]).toEqual(["Converged", false]);
    expect(look(switched, { tally: waiting, atMs: 1_600 }).history?.[0]).toMatchObject({ from: true, to: false });
  });

  test("what each status tells that the one before did not", () => {
    const told = (before: RolloutStatus, after: RolloutStatus) => {
      const { bus, kubernetes } = announcements(before, after, "id");
      return [...bus.map(({ detailType }) => detailType), ...kubernetes.map(({ reason }) => reason)];
    };
    expect(told(rest, started)).toEqual(["Egress Rollout Started", "EgressRolloutStarted"]);
    expect(told(started, started)).toEqual([]);
    expect(told(started, ended)).toEqual(["Egress Rollout Converged", "EgressRolloutConverged"]);
    expect(told(back, cutting)).toEqual(["Egress Rollout Converged", "EgressRolloutConverged"]);
    expect(told(cutting, cut)).toEqual(["EgressCut"]);
    const bad = look(rest, { accepted: false, raw: "ture" });
    expect(told(rest, bad)).toEqual(["Egress Value Rejected", "EgressValueRejected"]);
    expect(told(bad, look(bad, { accepted: false, raw: "ture" }))).toEqual([]);
    expect(told(bad, look(bad, { accepted: false, raw: "yes" }))).toEqual([
      "Egress Value Rejected",
      "EgressValueRejected",
    ]);
    expect(told(bad, rest)).toEqual([]);
  });
});

test.each([
  ["x".repeat(64), "x".repeat(64)],
  ["x".repeat(65), "x".repeat(64)],
  [`${"x".repeat(63)}😀`, `${"x".repeat(63)}\uFFFD`],
])("the value seen is cut to 64, never within a character", (raw, observed) => {
  expect(look(rest, { raw, accepted: false }).observed?.raw).toBe(observed);
});

test("of those who lag twenty are named", () => {
  const lagging = Array.from({ length: 25 }, (_, index) => ({ pod: `shop/p${index}`, reason: "NoAnswer" }));
  expect(look(rest, { tally: { lagging } }).lagging).toEqual(lagging.slice(0, 20));
});

describe("a condition's time", () => {
  const before = [{ type: "Converged", status: "True", reason: "A", message: "", lastTransitionTime: "then" }] as const;
  test.each([
    ["True", "B", "then"],
    ["False", "A", "now"],
    ["Unknown", "A", "now"],
  ] as const)("%s for %s changes %s", (status, reason, time) => {
    const [condition] = withCondition(before, { type: "Converged", status, reason, message: "m" }, "now");
    expect(condition).toEqual({ type: "Converged", status, reason, message: "m", lastTransitionTime: time });
  });

  test("the others stay, in order", () => {
    const next = withCondition(before, { type: "Accepted", status: "True", reason: "", message: "" }, "now");
    expect(next.map(({ type }) => type)).toEqual(["Accepted", "Converged"]);
  });
});

test.each([
  ["nobody", {}, "flux"],
  ["somebody, and not which change", { actor: "ada" }, "flux"],
  ["who made this version", { actor: "ada", resourceVersion: "9" }, "ada"],
  ["who made another version", { actor: "ada", resourceVersion: "8" }, "flux"],
  ["this version, and nobody", { resourceVersion: "9" }, "flux"],
])("a hint that names %s", (_, hint, by) => {
  expect(look(rest, { egress: true, hint }).history?.[0]?.by).toBe(by);
});

test("a change of the switch is done when every sidecar has it there, though in-mesh changes are still on their way", () => {
  const behind = { pending: ["shop/web-1"], counts: { ...counts, verified: 2 } };
  const after = look(rest, { egress: true, tally: behind, atMs: 700 });
  expect(conditionOf(after, "Converged")?.status).toBe("False");
  expect(after.history?.[0]).toMatchObject({ to: true, outcome: "Converged", sidecars: 3 });
  const told = announcements(rest, after, "c").bus;
  expect(told.map((event) => event.detailType)).toEqual(["Egress Rollout Started", "Egress Rollout Converged"]);
  expect(told[1]?.detail).toMatchObject({ reason: "AllReachableVerified", sidecars: { total: 3, verified: 2 } });
});

test("where nobody is waited for, the switch has arrived only once somebody has said so", () => {
  const allNew = { pending: ["a", "b", "c"], counts: { ...counts, verified: 0 }, switched: 0 };
  expect(look(rest, { egress: true, tally: allNew }).history?.[0]).toMatchObject({ to: true, outcome: "Rolling" });
  const empty = { counts: { ...counts, total: 0, verified: 0 }, switched: 0 };
  expect(look(rest, { egress: true, tally: empty }).history?.[0]).toMatchObject({ to: true, outcome: "Converged" });
});

test.each([
  [3, 3, "AllVerified"],
  [2, 2, "AllReachableVerified"],
  [2, 3, "AllReachableVerified"],
])("of three sidecars %i verified and %i with the switch there: %s", (verified, switched, reason) => {
  const after = look(rest, { egress: true, tally: { counts: { ...counts, verified }, switched }, atMs: 1_000 });
  const { bus, kubernetes } = announcements(rest, after, "c");
  expect(bus[1]?.detail).toMatchObject({ reason });
  expect(after.history?.[0]?.sidecars).toBe(switched);
  expect(kubernetes[1]?.message).toBe(`egress is on at ${switched} of 3 sidecars`);
});

test.each([
  [-1, 0],
  [0, 0],
  [1, 1],
])("told %i ms after the start by another machine's clock, a change took %i ms", (afterMs, tookMs) => {
  const started = look(look(rest, { egress: true, atMs: 1_000 }), { tally: waiting, atMs: 10_000 });
  expect(look(started, { atMs: 10_000 + afterMs }).history?.[0]).toMatchObject({ tookMs, cutTookMs: tookMs });
});
