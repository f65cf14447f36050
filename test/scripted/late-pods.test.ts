import { expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass, writesOf } from "./pass.ts";
import { Killed, steady } from "./ports.ts";
import type { ScriptedPod } from "./sidecar.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };

/** A fourth pod, in a mesh that is verified; its sidecar takes no configuration. */
function addRejecting(cluster: ScriptedCluster): ScriptedPod {
  const late = cluster.addPod("shop", "web-3", "web");
  late.rejecting = true;
  late.start();
  return late;
}

test("a late pod that another pass has poked a moment ago is asked, and not trusted", async () => {
  const cluster = await meshAtRest();
  addRejecting(cluster);
  const first = startPass(cluster);
  await cluster.clock.pass(500);
  await runPass(cluster);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 3 });
  await cluster.clock.run(first);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 3 });
});

test("a late pod that a killed pass has poked is asked, and not trusted", async () => {
  const cluster = await meshAtRest();
  addRejecting(cluster);
  const fates = (verb: string) => (verb === "poke" ? { there: 1, back: 1, killed: "after" as const } : steady("", 0));
  await expect(runPass(cluster, { fates })).rejects.toThrow(Killed);
  expect(cluster.pod("shop/web-3").pokes).toBe(1);
  await runPass(cluster);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 3 });
});

test("a late pod that is verified after its poke is trusted by later passes", async () => {
  const cluster = await meshAtRest();
  const late = addRejecting(cluster);
  const pass = startPass(cluster);
  await cluster.clock.pass(500);
  late.rejecting = false;
  await cluster.clock.run(pass);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 4 });
  expect(late.poke?.unverified).toBeUndefined();
  cluster.calls.clear();
  expect(await writesOf(cluster)).toEqual([]);
  expect(cluster.calls.get("ask")).toBeUndefined();
});

test("a sidecar that may have started again in the second of its poke is asked", async () => {
  const cluster = await meshAtRest();
  const pod = cluster.pod("shop/web-1");
  pod.sidecarStartedAtMs = (pod.poke?.atMs ?? 0) - 300;
  cluster.calls.clear();
  await runPass(cluster);
  expect(cluster.calls.get("ask")).toBe(1);
});

test("a pass that has written nothing leaves a silent late pod after its last poke, and names it", async () => {
  const cluster = await meshAtRest();
  cluster.addPod("shop", "web-3", "web").stopped = true;
  const startedMs = cluster.clock.nowMs();
  await runPass(cluster);
  expect(cluster.pod("shop/web-3").pokes).toBe(4);
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(9_000);
  expect(cluster.status.sidecars).toMatchObject({ total: 4, verified: 3, unreachable: 1 });
  expect(cluster.status.lagging?.map(({ pod }) => pod)).toEqual(["shop/web-3"]);
});

test("a pass waits for a silent pod as long as it is told to, and then names it", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const startedMs = cluster.clock.nowMs();
  await runPass(cluster, { podDeadlineMs: 3_000 });
  expect(cluster.clock.nowMs() - startedMs).toBeGreaterThanOrEqual(3_000);
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(6_000);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllReachableVerified" });
  expect(cluster.status.lagging?.map(({ pod }) => pod)).toEqual(["shop/web-1"]);
});

test("EgressCut is taken back while a sidecar that started at the flip lets traffic out", async () => {
  const cluster = await meshAtRest("on");
  const late = cluster.addPod("shop", "web-3", "web");
  // It runs, and the API server does not say so yet.
  late.sidecarStartedAtMs = undefined;
  late.rejecting = true;
  cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  expect(conditionOf(cluster.status, "EgressCut")?.status).toBe("True");
  late.sidecarStartedAtMs = Date.parse(cluster.status.convergedAt ?? "") - 500;
  await runPass(cluster);
  expect(late.egress).toBe(true);
  expect(conditionOf(cluster.status, "Converged")?.status).toBe("True");
  expect(conditionOf(cluster.status, "EgressCut")).toMatchObject({ status: "False", reason: "SidecarsDiffer" });
});

test("a pod that stays behind and cannot be poked: why not stands beside what it runs", async () => {
  const cluster = await meshAtRest();
  const full = "PATCH: 422 metadata.annotations: Too long: may not be more than 262144 bytes";
  cluster.pokeRefusals.set("shop/web-1", new EgressError("api-invalid", full));
  cluster.pod("shop/web-1").rejecting = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  const reason = `Rejected: Envoy refused the configuration; not poked: [api-invalid] ${full}`;
  expect(cluster.status.lagging).toEqual([{ pod: "shop/web-1", reason }]);
  cluster.pokeRefusals.set("shop/web-1", new EgressError("api-invalid", "x".repeat(1_000)));
  await runPass(cluster);
  expect(cluster.status.lagging?.[0]?.reason).toHaveLength(256);
});

test("the last pod of a namespace that left the mesh takes its ConfigMaps along, and then nobody takes the Lease", async () => {
  const cluster = await meshAtRest();
  cluster.namespaces.set("shop", "unlabelled");
  cluster.pods.clear();
  await cluster.clock.pass(130_000);
  expect(await writesOf(cluster)).toEqual(
    expect.arrayContaining(["delete shop/osm-sidecar.db", "delete shop/osm-sidecar.web"]),
  );
  expect(await writesOf(cluster)).toEqual([]);
});

test("a pod that hangs in a namespace that is going asks for no ConfigMap", async () => {
  const cluster = await meshAtRest();
  cluster.namespaces.set("shop", "terminating");
  cluster.configMaps.clear();
  cluster.pod("shop/web-1").terminating = true;
  for (const name of ["shop/web-2", "shop/db-1"]) cluster.pods.delete(name);
  await runPass(cluster);
  expect((await writesOf(cluster)).filter((line) => line.startsWith("take"))).toEqual([]);
});

test("what two passes have waited for stands, though one of them finds something else to write", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const first = startPass(cluster);
  await cluster.clock.pass(27_900);
  // Its question to the silent pod ends when the first one's patience does: both come to tell, and one of them is later.
  const second = startPass(cluster, { kind: "drift" });
  const { pokes } = cluster.pod("shop/web-1");
  await cluster.clock.pass(1_800);
  cluster.addAccount("shop", "new");
  const said: string[] = [];
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 10) {
    await cluster.clock.pass(10);
    const converged = conditionOf(cluster.status, "Converged")?.status ?? "";
    if (said.at(-1) !== converged) said.push(converged);
  }
  await cluster.clock.run(Promise.all([first, second]));
  expect(cluster.configMaps.has("shop/osm-sidecar.new")).toBe(true);
  expect(said).toEqual(["False", "True"]);
  expect(cluster.pod("shop/web-1").pokes).toBe(pokes);
});

test("a silent sidecar is waited for 30 s in all, though its pass looks again and finds something else to write", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const startedMs = cluster.clock.nowMs();
  const first = startPass(cluster);
  await cluster.clock.pass(20_000);
  const { pokes } = cluster.pod("shop/web-2");
  // Seen by another, who writes that into the status: the first one's next word comes too late.
  cluster.setOsmConfig(on);
  await runPass(cluster);
  cluster.addAccount("shop", "new");
  await cluster.clock.run(first);
  expect(cluster.configMaps.has("shop/osm-sidecar.new")).toBe(true);
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AllReachableVerified");
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(33_000);
  expect(cluster.pod("shop/web-2").pokes).toBe(pokes);
});

test("a silent pod of an account that cannot be written has had its time once, and holds no later pass up", async () => {
  const cluster = await meshAtRest();
  cluster.refusals.set("shop/osm-sidecar.db", new EgressError("api-forbidden", "PATCH: 403 a quota"));
  cluster.pod("shop/db-1").stopped = true;
  cluster.setOsmConfig(on);
  await runPass(cluster);
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AccountRefused");
  const startedMs = cluster.clock.nowMs();
  await runPass(cluster);
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AccountRefused");
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(10_000);
});

test("a sidecar that has started after a write, and is silent, takes nothing back when its writer looks again", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const first = startPass(cluster);
  await cluster.clock.pass(27_900);
  const second = startPass(cluster, { kind: "drift" });
  await cluster.clock.pass(1_800);
  cluster.addAccount("shop", "new");
  const said: string[] = [];
  let late: ScriptedPod | undefined;
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 10) {
    await cluster.clock.pass(10);
    const converged = conditionOf(cluster.status, "Converged")?.status ?? "";
    if (said.at(-1) !== converged) said.push(converged);
    if (converged === "True" && late === undefined) {
      late = cluster.addPod("shop", "web-3", "web");
      late.stopped = true;
    }
  }
  await cluster.clock.run(Promise.all([first, second]));
  expect(late).toBeDefined();
  expect(said).toEqual(["False", "True"]);
});

test("who only looks while a change is under way does not say that nobody is verified, before anybody has answered", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const first = startPass(cluster);
  await cluster.clock.pass(5_000);
  expect(cluster.status.sidecars).toMatchObject({ verified: 2, unreachable: 1 });
  const told: unknown[] = [];
  cluster.watchStatus = ({ sidecars }) => told.push(sidecars?.verified);
  const testimony = { occurredAt: new Date(cluster.clock.nowMs() - 5_000).toISOString(), auditUser: "alice" };
  cluster.setOsmConfig(on);
  const second = startPass(cluster, { testimony });
  await cluster.clock.pass(100);
  expect(cluster.status.history?.[0]?.users).toEqual(["alice"]);
  await cluster.clock.run(Promise.all([first, second]));
  expect(new Set(told)).toEqual(new Set([2]));
});

test("a silent sidecar is waited for 30 s in all, though the status is written under the waiting pass's hands", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const startedMs = cluster.clock.nowMs();
  const pass = startPass(cluster);
  await cluster.clock.pass(20_000);
  cluster.rollout = { resourceVersion: cluster.nextVersion(), status: cluster.status };
  await cluster.clock.run(pass);
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AllReachableVerified");
  expect(cluster.clock.nowMs() - startedMs).toBeGreaterThan(29_900);
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(33_000);
});

test("another pass waits for a silent sidecar no longer than the one that poked it first", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const startedMs = cluster.clock.nowMs();
  const fates = () => ({
    there: 1,
    back: 1,
    ...(cluster.clock.nowMs() - startedMs > 15_000 ? { killed: "before" as const } : {}),
  });
  await expect(runPass(cluster, { fates })).rejects.toThrow(Killed);
  expect(cluster.pod("shop/web-1").poke).toMatchObject({ again: 3 });
  await runPass(cluster, { kind: "drift" });
  expect(conditionOf(cluster.status, "Converged")?.reason).toBe("AllReachableVerified");
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(33_000);
});

test("a pod whose annotation said that it was verified, and that ran something else when asked, is noted anew", async () => {
  const cluster = await meshAtRest();
  const pod = cluster.pod("shop/web-1");
  pod.rejecting = true;
  pod.start();
  pod.sidecarStartedAtMs = (pod.poke?.atMs ?? 0) - 60_000;
  const pass = startPass(cluster, { kind: "drift" });
  await cluster.clock.pass(200);
  pod.rejecting = false;
  await cluster.clock.run(pass);
  expect(pod.poke?.unverified).toBeUndefined();
  expect(await writesOf(cluster)).toEqual([]);
});

test("a note from a time to come is nobody's: a silent pod with one is waited for no longer than any other", async () => {
  const cluster = await meshAtRest();
  const late = addRejecting(cluster);
  late.stopped = true;
  const digest = cluster.pod("shop/web-1").poke?.digest ?? "";
  late.poke = { digest, atMs: Date.parse("2099-01-01T00:00:00Z") };
  const startedMs = cluster.clock.nowMs();
  await runPass(cluster, { kind: "drift" });
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(40_000);
  expect(late.poke?.atMs).toBeLessThanOrEqual(cluster.clock.nowMs());
  await cluster.clock.pass(30_000);
  await runPass(cluster, { kind: "drift" });
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllReachableVerified" });
});

test("a silent pod of a node whose clock is ahead is waited for no longer than any other", async () => {
  const cluster = await meshAtRest();
  const pod = cluster.pod("shop/web-1");
  pod.stopped = true;
  pod.sidecarStartedAtMs = cluster.clock.nowMs() + 600_000;
  const startedMs = cluster.clock.nowMs();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await runPass(cluster);
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(40_000);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllReachableVerified" });
});
