import { expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass, writesOf } from "./pass.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };
const off = { egress: "false", permissive_traffic_policy_mode: "true" };

function msBetween(from: string | undefined, to: string | undefined): number {
  return Date.parse(to ?? "") - Date.parse(from ?? "");
}

/** Times, from the pass's start, at which a pod was poked. */
function pokeTimes(cluster: ScriptedCluster, pod: string): number[] {
  const startedMs = cluster.clock.nowMs();
  const times: number[] = [];
  const target = cluster.pod(pod);
  const hear = target.hear.bind(target);
  target.hear = (poke) => {
    times.push(cluster.clock.nowMs() - startedMs);
    hear(poke);
  };
  return times;
}

test("an idle connection is cut when its chain has drained, and EgressCut says so within 6 s of Converged", async () => {
  const cluster = await meshAtRest("on");
  cluster.pod("shop/web-1").idleConnections = 2;
  cluster.pod("shop/web-2").sendingConnections = 1;
  cluster.setOsmConfig(off);
  await runPass(cluster);
  const { startedAt, convergedAt, cutAt, history } = cluster.status;
  expect(msBetween(startedAt, convergedAt)).toBeLessThan(200);
  expect(msBetween(convergedAt, cutAt)).toBeGreaterThan(4_900);
  expect(msBetween(convergedAt, cutAt)).toBeLessThan(6_000);
  expect(history?.[0]).toMatchObject({ from: true, to: false, outcome: "Converged", sidecars: 3 });
  expect(history?.[0]?.cutTookMs).toBe(msBetween(startedAt, cutAt));
});

test("a connection that does not go is never called cut, and the pass ends nonetheless", async () => {
  const cluster = await meshAtRest("on");
  cluster.pod("shop/web-1").stuckConnections = 1;
  cluster.setOsmConfig(off);
  expect(await runPass(cluster)).toMatchObject({ kind: "settled" });
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("True");
  expect(conditionOf(cluster.status, "EgressCut")).toMatchObject({ status: "False", reason: "Draining" });
  expect(cluster.status.cutAt).toBeUndefined();
});

test("a sidecar that was opened and is closed again long after its poke drains: the check that finds it so waits for that", async () => {
  const cluster = await meshAtRest();
  const pod = cluster.pod("shop/web-1");
  const { rollout } = cluster;
  if (!rollout) throw new Error("no rollout");
  // Another pass has put it right, and has found it verified a second ago.
  pod.drain();
  const convergedAt = new Date(cluster.clock.nowMs()).toISOString();
  cluster.rollout = { ...rollout, status: { ...rollout.status, convergedAt } };
  await cluster.clock.pass(1_000);
  expect(await runPass(cluster, { kind: "drift" })).toMatchObject({ kind: "settled" });
  expect(conditionOf(cluster.status, "EgressCut")).toMatchObject({ status: "True" });
  expect(await cluster.clock.run(pod.answer())).toMatchObject({ says: { draining: 0 } });
});

test("a stopped sidecar is poked again 1, 2 and 4 s on, waited for 30 s, named, and taken up when it is back", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  const times = pokeTimes(cluster, "shop/web-1");
  const startedMs = cluster.clock.nowMs();
  cluster.setOsmConfig(on);
  await runPass(cluster);
  const tookMs = cluster.clock.nowMs() - startedMs;
  expect(tookMs).toBeGreaterThan(29_900);
  expect(tookMs).toBeLessThan(32_500);
  expect(times).toHaveLength(4);
  // Each as soon as an unanswered question, 2 s long, has shown that it is due.
  [1_000, 2_000, 4_000].forEach((due, index) => {
    expect(times[index + 1]).toBeGreaterThanOrEqual(due);
    expect(times[index + 1]).toBeLessThan(due + 3_000);
  });
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllReachableVerified" });
  expect(cluster.status.lagging).toEqual([{ pod: "shop/web-1", reason: "NoAnswer: none within 2 s" }]);
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 2, unreachable: 1 });

  const again = cluster.clock.nowMs();
  expect(await writesOf(cluster, { kind: "drift" })).toEqual(["status Idle on 2/3 AllReachableVerified"]);
  expect(cluster.clock.nowMs() - again).toBeLessThan(3_000);

  cluster.pod("shop/web-1").goOn();
  await runPass(cluster, { kind: "drift" });
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AllVerified");
  expect(cluster.status.lagging).toEqual([]);
  expect(await writesOf(cluster)).toEqual([]);
});

test("a mesh that is silent as a whole is never called converged, nor its egress cut", async () => {
  const cluster = await meshAtRest("on");
  for (const pod of cluster.pods.values()) pod.stopped = true;
  cluster.setOsmConfig(off);
  await runPass(cluster);
  for (const type of ["Converged", "EgressCut"] as const) {
    expect(conditionOf(cluster.status, type)).toMatchObject({ status: "False", reason: "NobodyAnswers" });
  }
  expect(cluster.status.history?.[0]).toMatchObject({ to: false, outcome: "Rolling" });
  expect(cluster.writes).not.toContain("publish Egress Rollout Converged");
  for (const pod of cluster.pods.values()) pod.goOn();
  await runPass(cluster, { kind: "drift" });
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
  expect(cluster.status.history?.[0]?.outcome).toBe("Converged");
});

test("a pass that has written nothing asks everybody once, and leaves the waiting to the one that wrote", async () => {
  const cluster = await meshAtRest("on");
  cluster.pod("shop/web-1").idleConnections = 1;
  cluster.setOsmConfig(off);
  const writer = startPass(cluster);
  await cluster.clock.pass(1_000);
  const askedBefore = cluster.clock.nowMs();
  const bystander = startPass(cluster);
  await cluster.clock.pass(400);
  expect(await Promise.race([bystander, Promise.resolve("still waiting")])).toMatchObject({ kind: "settled" });
  expect(cluster.clock.nowMs() - askedBefore).toBe(400);
  expect(conditionOf(cluster.status, "EgressCut")?.status).toBe("False");
  await cluster.clock.pass(10_000);
  await writer;
  expect(conditionOf(cluster.status, "EgressCut")?.status).toBe("True");
});

test("one sidecar that hangs delays no other's verification", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  const slow = cluster.pod("shop/db-1");
  slow.kubeletMs = 80;
  const startedMs = cluster.clock.nowMs();
  cluster.setOsmConfig(on);
  const pass = startPass(cluster);
  const answered = slow.answer.bind(slow);
  let verifiedMs = 0;
  slow.answer = async () => {
    if (slow.egress) verifiedMs ||= cluster.clock.nowMs() - startedMs;
    return answered();
  };
  await cluster.clock.run(pass);
  expect(verifiedMs).toBeLessThan(200);
});

test("there and back within one pass ends where the last write says", async () => {
  for (let atMs = 0; atMs < 150; atMs += 3) {
    const cluster = await meshAtRest();
    cluster.setOsmConfig(on);
    const first = startPass(cluster);
    await cluster.clock.pass(atMs);
    cluster.setOsmConfig(off);
    const second = startPass(cluster);
    await cluster.clock.run(Promise.all([first, second]));
    expect(cluster.reality, `back after ${atMs} ms`).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
    expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
    expect(cluster.status.history?.some(({ outcome }) => outcome === "Rolling")).toBe(false);
    expect(await writesOf(cluster)).toEqual([]);
  }
});

test("the holder of a marked Lease looks again before it ends", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const holder = startPass(cluster);
  // The Lease is taken after 3 ms; the holder has looked for the last time at 9 ms, so this change is behind its back.
  await cluster.clock.pass(10);
  expect(cluster.writes).toContain("take 2");
  cluster.setOsmConfig(off);
  expect(await runPass(cluster)).toMatchObject({ kind: "held-by-another" });
  expect(cluster.writes).toContain("mark");
  expect(await cluster.clock.run(holder)).toMatchObject({ kind: "settled" });
  expect(cluster.writes).toContain("take 3");
  expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
});

test("marks are no sign of life: a dead holder's Lease expires however many events mark it", async () => {
  const cluster = await meshAtRest();
  const renewedAtMs = cluster.clock.nowMs();
  cluster.lease = { resourceVersion: "7", holder: "dead", transitions: 9, renewedAtMs, marked: false };
  cluster.setOsmConfig(on);
  const kinds: string[] = [];
  for (let second = 0; second < 25 && kinds.at(-1) !== "settled"; second++) {
    kinds.push((await runPass(cluster)).kind);
    await cluster.clock.pass(1_000);
  }
  expect(kinds.slice(0, -1).every((kind) => kind === "held-by-another")).toBe(true);
  expect(kinds.length).toBeGreaterThan(18);
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
});

test("of two passes that want the Lease at once, one writes and the other's wish is not lost", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const outcomes = await cluster.clock.run(Promise.all([startPass(cluster), startPass(cluster)]));
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["held-by-another", "settled"]);
  expect(cluster.writes.filter((line) => line.startsWith("take"))).toEqual(["take 2"]);
  expect(cluster.writes.filter((line) => line.startsWith("apply"))).toHaveLength(2);
});

test("a ConfigMap that is refused for now is written a moment later, not when its pods' time is over", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  cluster.refusals.set("shop/osm-sidecar.web", new EgressError("api-unavailable", "PATCH ConfigMap: 503"));
  cluster.clock.after(100, () => cluster.refusals.clear());
  const { kind, figures } = await runPass(cluster);
  expect(kind).toBe("settled");
  expect(figures.tookMs).toBeLessThan(5_000);
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
});

test("a ConfigMap that goes on being refused for now fails the pass, and every other pod has been waited for", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/db-1").kubeletMs = 20_000;
  cluster.setOsmConfig(on);
  cluster.refusals.set("shop/osm-sidecar.web", new EgressError("api-unavailable", "PATCH ConfigMap: 503"));
  await expect(runPass(cluster)).rejects.toThrow("503");
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 1 });
  expect(cluster.lease?.holder).toBe("");
});

test("a waiting pass ends when the number has moved on", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const waiting = startPass(cluster);
  await cluster.clock.pass(5_000);
  cluster.pod("shop/web-1").goOn();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(off);
  const next = startPass(cluster);
  expect(await cluster.clock.run(waiting)).toMatchObject({ kind: "superseded" });
  expect(await cluster.clock.run(next)).toMatchObject({ kind: "settled" });
  expect(cluster.status.history?.map(({ outcome }) => outcome)).toEqual(["Converged", "Superseded", "Converged"]);
});

test("a status written by somebody else meanwhile is not overwritten: the pass looks again", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").missedPokes = 1;
  cluster.setOsmConfig(on);
  const pass = startPass(cluster);
  await cluster.clock.pass(500);
  const status = { ...cluster.status, wave: 7 };
  cluster.rollout = { resourceVersion: cluster.nextVersion(), status };
  expect(await cluster.clock.run(pass)).toMatchObject({ kind: "settled" });
  expect(cluster.status).toMatchObject({ wave: 7, phase: "Idle" });
  // At its start, after it has written, and when the status was not what it had seen.
  expect(cluster.calls.get("glance")).toBe(3);
});

test("a status that is written under the holder's hands is written true before the Lease goes", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const pass = startPass(cluster);
  await cluster.clock.pass(9);
  cluster.rollout = { resourceVersion: cluster.nextVersion(), status: cluster.status };
  await cluster.clock.run(pass);
  expect(cluster.writes.indexOf("status Rolling on 0/3 Waiting")).toBeLessThan(cluster.writes.indexOf("release"));
  expect(cluster.status).toMatchObject({ phase: "Idle", target: { egress: true } });
});

test("a pass that is out of time says so, holds no Lease, and has said in the status what it knows", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  expect(await runPass(cluster, { budgetMs: 10_000 })).toMatchObject({ kind: "out-of-time", figures: { verified: 2 } });
  expect(cluster.lease?.holder).toBe("");
  expect(cluster.status).toMatchObject({ phase: "Rolling", sidecars: { verified: 2, total: 3 } });
  cluster.pod("shop/web-1").goOn();
  expect(await runPass(cluster)).toMatchObject({ kind: "settled", figures: { verified: 3 } });
});

async function meshOf130(): Promise<ScriptedCluster> {
  const cluster = await meshAtRest();
  for (let index = 0; index < 130; index++) cluster.addPod("shop", `many-${index}`, "web");
  await cluster.clock.pass(1_500);
  await runPass(cluster);
  cluster.writes = [];
  cluster.setOsmConfig(on);
  return cluster;
}
const slowPokes = (verb: string) => (verb === "poke" ? { there: 1_500, back: 1_500 } : { there: 1, back: 1 });
const pokesIn = (writes: readonly string[]) => writes.filter((line) => line.startsWith("poke")).length;

test("a pass whose time ends while it pokes writes the status, releases the Lease and says so", async () => {
  const cluster = await meshOf130();
  expect(await runPass(cluster, { budgetMs: 9_000, fates: slowPokes })).toMatchObject({ kind: "out-of-time" });
  expect(pokesIn(cluster.writes)).toBe(128);
  expect(cluster.lease?.holder).toBe("");
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "False", reason: "Waiting" });
  expect(await runPass(cluster, { kind: "drift" })).toMatchObject({ kind: "settled", figures: { verified: 133 } });
});

test("the Lease is renewed between slow pokes", async () => {
  const cluster = await meshOf130();
  await runPass(cluster, { fates: slowPokes });
  expect(cluster.writes.filter((line) => line === "renew")).toHaveLength(1);
  expect(cluster.writes.indexOf("renew")).toBeLessThan(cluster.writes.indexOf("release"));
});

test("a pod that appears while the pass waits is verified by it", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const pass = startPass(cluster);
  await cluster.clock.pass(3_000);
  cluster.addPod("shop", "web-3", "web");
  await cluster.clock.run(pass);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 3, unreachable: 1 });
  expect(cluster.pod("shop/web-3").poke).toBeDefined();
});

test("a pod that appears while the pass waits, and that somebody else has poked, is asked and not trusted", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const pass = startPass(cluster);
  await cluster.clock.pass(3_000);
  const late = cluster.addPod("shop", "web-3", "web");
  late.rejecting = true;
  late.start();
  const { poke } = cluster.pod("shop/web-2").observed;
  late.poke = { digest: poke?.digest ?? "", atMs: cluster.clock.nowMs() };
  await cluster.clock.run(pass);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 2 });
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "False", reason: "SidecarsDiffer" });
});

test("a sidecar that once refused something is only slow, not rejecting", async () => {
  const cluster = await meshAtRest();
  const pod = cluster.pod("shop/web-1");
  pod.rejecting = true;
  cluster.setOsmConfig(on);
  await runPass(cluster);
  expect(cluster.status.sidecars).toMatchObject({ rejected: 1 });
  pod.rejecting = false;
  pod.missedPokes = 2;
  cluster.setOsmConfig(off);
  const rejected: number[] = [];
  cluster.watchStatus = ({ sidecars }) => rejected.push(sidecars?.rejected ?? 0);
  await runPass(cluster);
  expect(rejected.length).toBeGreaterThan(2);
  expect(new Set(rejected)).toEqual(new Set([0]));
});

test("a pod that disappears while the pass waits is waited for no longer", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const startedMs = cluster.clock.nowMs();
  const pass = startPass(cluster);
  await cluster.clock.pass(3_000);
  cluster.pods.delete("shop/web-1");
  await cluster.clock.run(pass);
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(6_000);
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AllVerified");
});

test("an account that may not be written is named in the status, and holds nobody back", async () => {
  const cluster = await meshAtRest();
  cluster.refusals.set("shop/osm-sidecar.db", new EgressError("api-forbidden", "PATCH: 403 exceeded quota"));
  cluster.setOsmConfig(on);
  expect(await runPass(cluster)).toMatchObject({ kind: "settled" });
  expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 on", "shop/web-2 on"]);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "False", reason: "AccountRefused" });
  expect(conditionOf(cluster.status, "Converged")?.message).toMatch(/not written: shop\/db \(.*exceeded quota\)/);
  expect(cluster.lease?.holder).toBe("");
  cluster.refusals.clear();
  await runPass(cluster);
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { verified: 3, total: 3 } });
});

test("a refusal that meets every account fails the pass, and is in the status too", async () => {
  const cluster = await meshAtRest();
  for (const name of ["db", "web"]) {
    cluster.refusals.set(`shop/osm-sidecar.${name}`, new EgressError("api-forbidden", "PATCH: 403 no such role"));
  }
  cluster.setOsmConfig(on);
  await expect(runPass(cluster)).rejects.toThrow("no such role");
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "False", reason: "AccountRefused" });
});

test("an API server that is out of breath at one account fails the pass, for another try", async () => {
  const cluster = await meshAtRest();
  cluster.refusals.set("shop/osm-sidecar.db", new EgressError("api-unavailable", "PATCH: 429"));
  cluster.setOsmConfig(on);
  await expect(runPass(cluster)).rejects.toThrow("429");
});

test("an event that the bus takes at the second try is not lost, and holds no other back", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const publish = (detailType: string, tries: number) => {
    if (detailType.endsWith("Started") && tries === 1) throw new EgressError("aws-unavailable", "PutEvents: throttled");
  };
  expect(await runPass(cluster, { publish })).toMatchObject({ kind: "settled" });
  expect(cluster.writes.filter((line) => /^(publish|event)/.test(line))).toEqual([
    "event EgressRolloutStarted",
    "publish Egress Rollout Converged",
    "event EgressRolloutConverged",
    "publish Egress Rollout Started",
  ]);
});

test("a bus that takes nothing fails the pass at its end; the mesh and everything else are right", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const tried: string[] = [];
  const publish = (detailType: string) => {
    tried.push(detailType);
    throw new EgressError("aws-forbidden", "PutEvents: denied");
  };
  await expect(runPass(cluster, { publish })).rejects.toThrow("denied");
  const [started, converged] = ["Egress Rollout Started", "Egress Rollout Converged"];
  expect(tried).toEqual([started, converged, started, converged]);
  expect(cluster.writes.filter((line) => line.startsWith("event"))).toEqual([
    "event EgressRolloutStarted",
    "event EgressRolloutConverged",
  ]);
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { verified: 3 } });
});

const lost = new EgressError("api-unavailable", "GET: 503");

/** The first so many calls of a verb have no answer. */
function failing(verb: string, times: number) {
  let left = times;
  return (called: string) => ({
    there: 1,
    back: 1,
    ...(called === verb && left-- > 0 ? { unanswered: "before" as const } : {}),
  });
}

test.each([
  ["readMesh", 3],
  ["leaseNumber", 1],
])("a pass that has no answer to %s, %i times, looks again after a while and ends well", async (verb, times) => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  cluster.pod("shop/web-1").missedPokes = 1;
  expect(await runPass(cluster, { fates: failing(verb, times) })).toMatchObject({ kind: "settled" });
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { verified: 3, total: 3 } });
});

test("a failure is tried four times, with growing waits, and then told", async () => {
  const cluster = await meshAtRest();
  const startedMs = cluster.clock.nowMs();
  await expect(runPass(cluster, { fates: failing("readMesh", 4) })).rejects.toThrow("no answer");
  expect(cluster.calls.get("readMesh")).toBe(4);
  const tookMs = cluster.clock.nowMs() - startedMs;
  expect(tookMs).toBeGreaterThanOrEqual(1_750);
  expect(tookMs).toBeLessThan(3_600);
});

test("a pass without the time for another look tells its failure at once", async () => {
  const cluster = await meshAtRest();
  await expect(runPass(cluster, { budgetMs: 15_000, fates: failing("readMesh", 1) })).rejects.toThrow("no answer");
  expect(cluster.calls.get("readMesh")).toBe(1);
});

test("a write refused for the moment is tried again in the same pass", async () => {
  const cluster = await meshAtRest();
  cluster.refusals.set("shop/osm-sidecar.db", lost);
  cluster.setOsmConfig(on);
  const pass = startPass(cluster);
  await cluster.clock.pass(100);
  cluster.refusals.clear();
  expect(await cluster.clock.run(pass)).toMatchObject({ kind: "settled", figures: { verified: 3 } });
});

test("what never gets better is not tried again", async () => {
  const cluster = await meshAtRest();
  for (const name of ["db", "web"]) {
    cluster.refusals.set(`shop/osm-sidecar.${name}`, new EgressError("api-forbidden", "PATCH: 403"));
  }
  cluster.setOsmConfig(on);
  await expect(runPass(cluster)).rejects.toThrow("403");
  expect(cluster.calls.get("takeLease")).toBe(1);
});

test("a failure with the Lease in hand ends the pass: its own Lease would look like another's", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  await expect(runPass(cluster, { fates: failing("applyConfigMap", 1) })).rejects.toThrow("no answer");
  expect(cluster.lease?.holder).not.toBe("");
});

test("a bad value and back again: the mesh never moves, and follows the next good one", async () => {
  const cluster = await meshAtRest("on");
  for (const data of [{ egress: "ture" }, {}, undefined]) {
    cluster.setOsmConfig(data === undefined ? undefined : { permissive_traffic_policy_mode: "true", ...data });
    expect((await writesOf(cluster)).filter((line) => /^(take|apply|poke)/.test(line))).toEqual([]);
    expect(conditionOf(cluster.status, "Accepted")?.status).toBe("False");
  }
  cluster.setOsmConfig(on);
  expect(await writesOf(cluster)).toEqual(["status Idle on 3/3 AllVerified"]);
  cluster.setOsmConfig(off);
  await runPass(cluster);
  expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
});

test("history keeps the last twenty changes, newest first", async () => {
  const cluster = await meshAtRest();
  for (let flip = 1; flip <= 25; flip++) {
    cluster.setOsmConfig(flip % 2 === 1 ? on : off);
    await runPass(cluster);
  }
  const { history = [] } = cluster.status;
  expect(history).toHaveLength(20);
  expect(history.map(({ to }) => to)).toEqual(history.map((_, index) => index % 2 === 0));
  expect(history.every(({ outcome }) => outcome === "Converged")).toBe(true);
});
