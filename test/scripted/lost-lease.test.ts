import { expect, test } from "vitest";
import { LeaseInHand } from "#lib/reconcile/lease-in-hand.ts";
import type { ClusterPorts, HeldLease } from "#lib/reconcile/ports.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass, unfinished } from "./pass.ts";
import type { Fates } from "./ports.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };
const off = { egress: "false", permissive_traffic_policy_mode: "true" };

/** The answer to one call comes after the Lease has expired. */
function slowAt(slowVerb: string, slowCall: number): Fates {
  let calls = 0;
  return (verb) => ({ there: 1, back: verb === slowVerb && ++calls === slowCall ? 22_000 : 1 });
}

test("a Lease that is lost while the mesh is being read: nothing of what was read is written", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const slow = startPass(cluster, { fates: slowAt("readMesh", 1) });
  await cluster.clock.pass(21_000);
  cluster.setOsmConfig(off);
  await runPass(cluster);
  cluster.writes = [];
  await cluster.clock.run(slow);
  expect(cluster.writes).toEqual([]);
  expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
});

test.each(["applyConfigMap", "readPods"])(
  "a Lease that is lost at %s: the status goes on saying what its next holder has said",
  async (verb) => {
    const cluster = await meshAtRest();
    cluster.setOsmConfig(on);
    const slow = startPass(cluster, { fates: slowAt(verb, 1) });
    await cluster.clock.pass(21_000);
    cluster.setOsmConfig(off);
    await runPass(cluster);
    const said: RolloutStatus[] = [];
    cluster.watchStatus = (status) => said.push(status);
    await cluster.clock.run(slow);
    expect(said.filter(({ target }) => target?.egress)).toEqual([]);
    expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
  },
);

test("a pass that comes back before its dead predecessor's Lease has expired waits until it has", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const fates: Fates = (verb) => ({
    there: 1,
    back: 1,
    ...(verb === "writeStatus" ? { killed: "after" as const } : {}),
  });
  await runPass(cluster, { fates }).catch(unfinished);
  expect((await runPass(cluster, { kind: "drift" })).kind).toBe("settled");
  expect(cluster.lease?.holder).toBe("");
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
});

test("a pass that comes back waits no longer for a holder that lives than a dead one could keep the Lease", async () => {
  const cluster = await meshAtRest();
  const other = { resourceVersion: "7", holder: "other", transitions: 9, marked: false };
  const renewedUntilMs = cluster.clock.nowMs() + 60_000;
  const renew = () => {
    cluster.lease = { ...other, renewedAtMs: cluster.clock.nowMs() };
    if (cluster.clock.nowMs() < renewedUntilMs) cluster.clock.after(5_000, renew);
  };
  renew();
  const startedMs = cluster.clock.nowMs();
  const ended = await runPass(cluster, { kind: "drift" }).catch((error: unknown) => error);
  // It comes again: nobody has looked at what it was to look at.
  expect(ended).toMatchObject({
    retry: "re-observe",
    message: expect.stringContaining(
      'Lease osm-reconciler: held in every look of 21 s, at last by "other" as number 9',
    ),
  });
  expect(cluster.clock.nowMs() - startedMs).toBeGreaterThan(20_000);
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(30_000);
  await cluster.clock.pass(60_000);
  expect(await runPass(cluster, { kind: "drift" })).toMatchObject({ kind: "settled" });
});

test("a pass that is slow, and whom nobody has followed, renews its Lease and goes on", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  await runPass(cluster, { fates: slowAt("readMesh", 1) });
  expect(cluster.writes.filter((line) => line === "renew")).toHaveLength(1);
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
});

test("two Leases in a row that go before anything is written with their numbers: no number is given out twice", async () => {
  const cluster = await meshAtRest();
  cluster.lease = undefined;
  cluster.setOsmConfig(on);
  // Asleep with the first one in hand.
  const first = startPass(cluster, { fates: slowAt("readMesh", 2) });
  await cluster.clock.pass(100);
  cluster.lease = undefined;
  cluster.setOsmConfig(off);
  await runPass(cluster);
  const taken = cluster.writes.filter((line) => line.startsWith("take"));
  expect(taken).toHaveLength(2);
  expect(new Set(taken).size).toBe(2);
  await cluster.clock.run(first);
  expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"]);
});

test("somebody who was slower to make the Lease has noted a higher number: it is raised, and every ConfigMap gets it", async () => {
  const cluster = await meshAtRest();
  cluster.lease = undefined;
  const pass = startPass(cluster);
  while (!cluster.writes.some((line) => line.startsWith("take"))) await cluster.clock.pass(1);
  if (cluster.rollout) cluster.rollout = { ...cluster.rollout, status: { ...cluster.status, fencing: 5_000 } };
  await cluster.clock.run(pass);
  expect(cluster.writes.filter((line) => /^(take|apply|release)/.test(line))).toEqual([
    "take 1002",
    "take 5001",
    "apply shop/osm-sidecar.web off 5001",
    "apply shop/osm-sidecar.db off 5001",
    "release",
  ]);
});

test.each([-1, 1.5, 2 ** 40])("a note of %d is none, and passes go on", async (fencing) => {
  const cluster = await meshAtRest();
  if (cluster.rollout) cluster.rollout = { ...cluster.rollout, status: { ...cluster.status, fencing } };
  cluster.lease = undefined;
  cluster.setOsmConfig(on);
  await runPass(cluster);
  expect(cluster.writes).toContain("take 1002");
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
});

test.each([
  [20_000, 5_000],
  [2_000, 500],
])("a Lease that is good for %i ms is renewed when %i have gone", async (goodForMs, dueMs) => {
  let nowMs = 0;
  const renewedAtMs: number[] = [];
  const lease = (): HeldLease => ({ number: 1, resourceVersion: "1", renewedAtMs: nowMs, goodForMs, marked: false });
  const ports: Pick<ClusterPorts, "nowMs" | "takeLease" | "renewLease"> = {
    nowMs: () => nowMs,
    takeLease: async () => lease(),
    async renewLease() {
      renewedAtMs.push(nowMs);
      return lease();
    },
  };
  const held = await LeaseInHand.take(ports as ClusterPorts, undefined, 0);
  for (const ms of [dueMs, dueMs + 1, 2 * dueMs + 1, 2 * dueMs + 2]) {
    nowMs = ms;
    expect(await held?.keep()).toBe("held");
  }
  expect(renewedAtMs).toEqual([dueMs + 1, 2 * dueMs + 2]);
});
