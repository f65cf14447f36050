import { expect, test } from "vitest";
import { renderOver } from "#lib/cli/render-namespaces.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { scriptedPorts } from "./ports.ts";

function render(cluster: ScriptedCluster, namespaces: readonly string[]): Promise<number> {
  return cluster.clock.run(renderOver(scriptedPorts(cluster, "cli"), "cli", namespaces, "osm-system"));
}

test("a change that the command takes up on its way is verified before it ends", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  cluster.addAccount("joining", "web");
  cluster.addAccount("joining", "db");
  expect(await render(cluster, ["joining"])).toBe(2);
  expect([...cluster.configMaps.keys()].filter((key) => key.startsWith("joining/"))).toHaveLength(2);
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
});

test("a Lease that another holds is waited for", async () => {
  const cluster = await meshAtRest();
  const renewedAtMs = cluster.clock.nowMs();
  cluster.lease = { resourceVersion: "7", holder: "other", transitions: 9, renewedAtMs, marked: false };
  cluster.addAccount("joining", "web");
  expect(await render(cluster, ["joining"])).toBe(1);
  expect(cluster.clock.nowMs() - renewedAtMs).toBeGreaterThan(20_000);
});

test("a mesh that does not come to rest fails the command", async () => {
  const cluster = await meshAtRest();
  const keepHeld = () => {
    const renewedAtMs = cluster.clock.nowMs();
    cluster.lease = { resourceVersion: "7", holder: "other", transitions: 9, renewedAtMs, marked: false };
    cluster.clock.after(10_000, keepHeld);
  };
  keepHeld();
  await expect(render(cluster, ["joining"])).rejects.toThrow("did not come to rest within 60 s");
});
