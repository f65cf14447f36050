import { afterEach, expect, test, vi } from "vitest";
import { EgressError } from "#lib/errors.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass, writesOf } from "./pass.ts";
import type { Fates } from "./ports.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const newPods = 300;
const requestMs = 10;

/** A mesh at rest to which many pods have come that nobody has asked yet. */
async function crowded(): Promise<ScriptedCluster> {
  const cluster = await meshAtRest();
  for (let at = 0; at < newPods; at++) cluster.addPod("shop", `new-${at}`, "web");
  await cluster.clock.pass(5_000);
  cluster.calls.clear();
  return cluster;
}

/** An API server that deals with one question or poke after the other, whoever sends it. */
function oneByOne(cluster: ScriptedCluster): Fates {
  let freeMs = 0;
  return (verb) => {
    const nowMs = cluster.clock.nowMs();
    if (verb !== "ask" && verb !== "poke") return { there: 1, back: 1 };
    freeMs = Math.max(freeMs, nowMs) + requestMs;
    return { there: freeMs - nowMs, back: 1 };
  };
}

function noted(cluster: ScriptedCluster): number {
  return [...cluster.pods.values()].filter(({ poke }) => poke !== undefined && !poke.unverified).length - 3;
}

test("a pass that runs short of time has left notes of those it has verified, and the next one asks the others alone", async () => {
  const cluster = await crowded();
  // For half of the questions and pokes, and the reserve.
  const budgetMs = newPods * requestMs + 4_000;
  expect(await runPass(cluster, { fates: oneByOne(cluster), budgetMs })).toMatchObject({ kind: "out-of-time" });
  expect(noted(cluster)).toBeGreaterThan(newPods / 3);
  // What was on its way still arrives.
  await cluster.clock.pass(1_000);
  const before = noted(cluster);
  cluster.calls.clear();
  await runPass(cluster, { fates: oneByOne(cluster) });
  expect(cluster.calls.get("ask")).toBe(newPods - before);
  expect(cluster.status.sidecars).toMatchObject({ total: newPods + 3, verified: newPods + 3 });
});

test("passes that run at a time begin at different sidecars, and leave out whom the other has verified meanwhile", async () => {
  const cluster = await crowded();
  // One begins with the first, and the other in the middle; also where one looks again.
  let rounds = 0;
  vi.spyOn(Math, "random").mockImplementation(() => (rounds++ % 2) / 2);
  const fates = oneByOne(cluster);
  const both = [startPass(cluster, { fates }), startPass(cluster, { fates })];
  await cluster.clock.run(Promise.all(both));
  expect(noted(cluster)).toBe(newPods);
  // What is in flight when a list comes is asked by both.
  expect(cluster.calls.get("ask")).toBeLessThan(1.5 * newPods);
});

test("a pass that has poked them itself does not take its own pokes for another's notes", async () => {
  const cluster = await crowded();
  await runPass(cluster);
  vi.spyOn(Math, "random").mockReturnValue(0);
  // Nobody knows what was written under it: everything is stamped, poked and asked anew.
  cluster.lease = undefined;
  const stopped = 100;
  for (const pod of [...cluster.pods.values()].slice(-stopped)) pod.stopped = true;
  await runPass(cluster, { fates: oneByOne(cluster) });
  expect(cluster.status.sidecars).toMatchObject({ total: newPods + 3, verified: newPods + 3 - stopped });
});

test("what somebody has poked who has taken the Lease meanwhile, and has asked nobody yet, is not taken for verified", async () => {
  const cluster = await crowded();
  const { lease } = cluster;
  if (!lease) throw new Error("no Lease");
  const digest = cluster.pod("shop/web-1").poke?.digest ?? "";
  let lists = 0;
  const slow = oneByOne(cluster);
  const overtaken = () => {
    cluster.lease = { ...lease, holder: "another", transitions: lease.transitions + 1 };
    for (const pod of cluster.pods.values()) pod.poke ??= { digest, atMs: cluster.clock.nowMs() };
  };
  const fates: Fates = (verb, index) => {
    if (verb === "readPods") lists++;
    if (verb === "readPods" && lists === 2) overtaken();
    return slow(verb, index);
  };
  expect(await runPass(cluster, { fates })).toMatchObject({ kind: "superseded" });
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 3 });
});

test("an API server that takes no pokes is asked and poked less at a time", async () => {
  const cluster = await crowded();
  for (const key of cluster.pods.keys()) cluster.pokeRefusals.set(key, new EgressError("api-unavailable", "504"));
  let inFlight = 0;
  const atATime: number[] = [];
  const fates: Fates = (verb) => {
    if (verb !== "ask") return { there: 1, back: 1 };
    inFlight++;
    atATime.push(inFlight);
    cluster.clock.after(100, () => inFlight--);
    return { there: 100, back: 0 };
  };
  await runPass(cluster, { fates });
  expect(Math.max(...atATime.slice(0, newPods / 3))).toBe(64);
  expect(Math.max(...atATime.slice(-newPods / 3))).toBeLessThanOrEqual(16);
});

test("a pass that is short of time lists the pods no more, and has time to say how far it is", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const budgetMs = 9_000;
  const beganMs = cluster.clock.nowMs();
  const fates: Fates = (verb) => ({ there: verb === "readPods" ? 2_500 : 1, back: 1 });
  expect(await runPass(cluster, { fates, budgetMs })).toMatchObject({ kind: "out-of-time" });
  expect(budgetMs - (cluster.clock.nowMs() - beganMs)).toBeGreaterThan(3_000);
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 2 });
});

test("nor when another has told meanwhile what it has heard: it tells that once more, by the list it has", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const budgetMs = 9_000;
  const beganMs = cluster.clock.nowMs();
  const msLeft = () => budgetMs - (cluster.clock.nowMs() - beganMs);
  let told = 0;
  const tell = () => {
    const { rollout } = cluster;
    cluster.rollout = rollout && { ...rollout, resourceVersion: cluster.nextVersion() };
  };
  const fates: Fates = (verb) => {
    if (verb === "writeStatus" && msLeft() < 4_100 && told++ === 0) tell();
    return { there: verb === "readPods" ? 2_500 : 1, back: 1 };
  };
  cluster.pod("shop/db-1").kubeletMs = 2_300;
  expect(await runPass(cluster, { fates, budgetMs })).toMatchObject({ kind: "out-of-time" });
  expect(told).toBeGreaterThan(0);
  expect(msLeft()).toBeGreaterThan(3_000);
});

test("a sidecar whose turn comes again only after its time is asked nonetheless", async () => {
  const cluster = await crowded();
  await runPass(cluster);
  // No kubelet looks of itself meanwhile.
  await cluster.clock.pass(30_000);
  vi.spyOn(Math, "random").mockReturnValue(0);
  const first = cluster.pod("shop/web-1");
  const questionsMs = (newPods + 3) * requestMs;
  // Asked first, after all have been poked, it has not got its file yet; the others' turns come before its next one.
  first.kubeletMs = 1.5 * questionsMs;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster, { fates: oneByOne(cluster), podDeadlineMs: questionsMs - 1_000 });
  expect(cluster.status.sidecars).toMatchObject({ total: newPods + 3, verified: newPods + 3 });
});

test("whom a pass names does not depend on where it begins: one that finds the same writes nothing", async () => {
  const cluster = await crowded();
  await runPass(cluster);
  for (const pod of [...cluster.pods.values()].slice(-5)) pod.rejecting = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  vi.spyOn(Math, "random").mockReturnValue(0.2);
  await runPass(cluster);
  await cluster.clock.pass(60_000);
  await runPass(cluster);
  vi.spyOn(Math, "random").mockReturnValue(0.99);
  expect(await writesOf(cluster)).toEqual([]);
  expect(cluster.status.sidecars).toMatchObject({ total: newPods + 3, verified: newPods - 2 });
});
