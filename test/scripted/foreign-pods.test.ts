import { expect, test } from "vitest";
import { holdLease } from "#lib/reconcile/hold-lease.ts";
import { openAll } from "#lib/reconcile/open-all.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, writesOf } from "./pass.ts";
import { scriptedPorts } from "./ports.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };

/** One that runs without a ConfigMap: its volume is optional. */
function addForeign(cluster: ScriptedCluster, name: string): void {
  cluster.addPod("dev", name, "default").sidecarStartedAtMs = cluster.clock.nowMs();
}

/** A mesh, and in a namespace that never was of it a pod with a container and a volume of the sidecar's names. */
async function withForeignPod() {
  const cluster = await meshAtRest();
  cluster.namespaces.set("dev", "unlabelled");
  addForeign(cluster, "fake");
  await cluster.clock.pass(5_000);
  return cluster;
}

test.each(["hint", "drift"] as const)(
  "a pod outside the mesh that looks like one of it gets no ConfigMap, and holds nobody back: %s",
  async (kind) => {
    const cluster = await withForeignPod();
    await runPass(cluster, { kind });
    cluster.setOsmConfig(on);
    await runPass(cluster, { kind });
    expect([...cluster.configMaps.keys()].filter((key) => key.startsWith("dev/"))).toEqual([]);
    expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 3 });
    expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
    expect(await writesOf(cluster)).toEqual([]);
  },
);

test("nor does one that appears while a pass waits", async () => {
  const cluster = await withForeignPod();
  cluster.pod("shop/web-1").missedPokes = 3;
  cluster.setOsmConfig(on);
  cluster.clock.after(500, () => addForeign(cluster, "late"));
  await runPass(cluster);
  expect(cluster.pods.has("dev/late")).toBe(true);
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 3 });
});

test("nor when every sidecar is opened", async () => {
  const cluster = await withForeignPod();
  const ports = scriptedPorts(cluster, "opener");
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const lease = await cluster.clock.run(holdLease(ports, 1_000));
  if (!lease) throw new Error("the Lease was not to be had");
  expect(await cluster.clock.run(openAll(ports, lease, log))).toEqual({ total: 3, verified: 3, missing: [] });
  expect([...cluster.configMaps.keys()].filter((key) => key.startsWith("dev/"))).toEqual([]);
});

test("a pod that stays when its namespace leaves the mesh is still counted, and gets its ConfigMap back", async () => {
  const cluster = await meshAtRest();
  cluster.namespaces.set("shop", "unlabelled");
  cluster.configMaps.delete("shop/osm-sidecar.db");
  await runPass(cluster, { kind: "drift", correct: true });
  expect([...cluster.configMaps.keys()]).toContain("shop/osm-sidecar.db");
  expect(cluster.status.sidecars).toMatchObject({ total: 3, verified: 3 });
});

test("one of a namespace that is being deleted is counted as long as it runs", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  await runPass(cluster);
  cluster.namespaces.set("shop", "terminating");
  cluster.configMaps.clear();
  for (const pod of cluster.pods.values()) pod.terminating = true;
  await runPass(cluster, { kind: "drift" });
  expect(cluster.status.sidecars).toMatchObject({ total: 3 });
});
