import { expect, test } from "vitest";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass } from "./pass.ts";
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

test("a pass that is slow, and whom nobody has followed, renews its Lease and goes on", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  await runPass(cluster, { fates: slowAt("readMesh", 1) });
  expect(cluster.writes.filter((line) => line === "renew")).toHaveLength(1);
  expect(cluster.reality).toEqual(["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"]);
});
