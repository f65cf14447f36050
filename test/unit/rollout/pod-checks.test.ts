import { describe, expect, test } from "vitest";
import type { SidecarAnswer } from "#lib/envoy/verification-query.ts";
import type { ObservedPod } from "#lib/rollout/observation.ts";
import { describeState, isPokedFor, podState, podsToAsk } from "#lib/rollout/pod-checks.ts";
import { wantedMesh } from "#lib/rollout/wanted.ts";
import { configAtRest, meshSeen, nowMs, podSeen } from "../../scripted/world-at-rest.ts";

const { digest } = configAtRest();
const right: SidecarAnswer = { listeners: digest, clusters: digest, refusedUpdates: 0, draining: 0, openEgress: 0 };

describe("an answer with", () => {
  test.each<readonly [string, Partial<SidecarAnswer>, string]>([
    ["all versions right", {}, "verified"],
    ["routes right too", { routes: digest }, "verified"],
    ["open connections", { openEgress: 3, draining: 1 }, "verified"],
    ["updates refused before this one", { refusedUpdates: 2 }, "verified"],
    ["other listeners", { listeners: "other" }, "differs"],
    ["other clusters", { clusters: "other" }, "differs"],
    ["other routes", { routes: "other" }, "differs"],
    ["routes subscribed, none there yet", { routes: "" }, "differs"],
    ["nothing taken yet", { listeners: "", clusters: "" }, "differs"],
    ["other listeners, and updates refused before", { listeners: "other", refusedUpdates: 2 }, "differs"],
    ["other listeners, and one more refused", { listeners: "other", refusedUpdates: 3 }, "rejected"],
  ])("%s", (_, difference, kind) => {
    expect(podState(podSeen(), { kind: "answered", says: { ...right, ...difference } }, digest, 2).kind).toBe(kind);
  });
});

test.each([true, false])("no answer, terminating %s", (terminating) => {
  const state = podState(podSeen({ terminating }), { kind: "silent", why: "none within 2 s" }, digest, 0);
  expect(describeState(state)).toBe(terminating ? "Terminating" : "NoAnswer: none within 2 s");
});

test("what a stranger calls its version is cut", () => {
  expect(
    describeState({ kind: "differs", runs: "x".repeat(5_000), egress: undefined, hasRefused: false }).length,
  ).toBeLessThan(256);
  const half = describeState({ kind: "differs", runs: `${"x".repeat(63)}😀`, egress: undefined, hasRefused: false });
  expect(half.isWellFormed()).toBe(true);
});

const started = nowMs - 10_000;
test.each<readonly [string, Partial<ObservedPod>, boolean]>([
  ["after the second of its start", { sidecarStartedAtMs: started, poke: { digest, atMs: started + 999 } }, true],
  ["perhaps before its start", { sidecarStartedAtMs: started, poke: { digest, atMs: started + 998 } }, false],
  ["while another container ran", { sidecarStartedAtMs: started, poke: { digest, atMs: started - 1 } }, false],
  ["without being verified", { poke: { digest, atMs: nowMs, unverified: true } }, false],
  ["in a time to come", { poke: { digest, atMs: nowMs + 10_001 } }, false],
  ["by a clock a little ahead", { poke: { digest, atMs: nowMs + 10_000 } }, true],
  ["for something else", { poke: { digest: "other", atMs: nowMs } }, false],
  ["never", { poke: undefined }, false],
])("poked %s", (_, difference, poked) => {
  const pod = podSeen(difference);
  expect(isPokedFor(pod, digest, nowMs)).toBe(poked);
  expect(isPokedFor(pod, undefined, nowMs)).toBe(false);
  expect(podsToAsk([pod], wantedMesh(meshSeen()), false, new Set(), nowMs)).toEqual(poked ? [] : [pod]);
});

test("everybody and suspects are asked whatever their annotation says; who does not run is not", () => {
  const wanted = wantedMesh(meshSeen());
  const pods = [
    podSeen(),
    podSeen({ name: "db-1", configMap: "osm-sidecar.db" }),
    podSeen({ name: "new", sidecarStartedAtMs: undefined }),
  ];
  expect(podsToAsk(pods, wanted, true, new Set(), nowMs).map(({ name }) => name)).toEqual(["web-1", "db-1"]);
  expect(podsToAsk(pods, wanted, false, new Set(["shop/osm-sidecar.web"]), nowMs).map(({ name }) => name)).toEqual([
    "web-1",
  ]);
  expect(podsToAsk(pods, wanted, false, new Set(["other/osm-sidecar.web"]), nowMs)).toEqual([]);
});
