import { expect, test } from "vitest";
import { conditionOf } from "#lib/rollout/status.ts";
import { meshAtRest } from "./mesh.ts";
import { startPass } from "./pass.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };

/** The schedule's passes come at any time of the wait: some of them end it before the pass that wrote. */
test("a silent sidecar that was given up stays so, whichever of several passes has said it first", async () => {
  const turns: string[] = [];
  for (let afterMs = 0; afterMs < 32_000; afterMs += 1_500) {
    const cluster = await meshAtRest();
    cluster.pod("shop/web-1").stopped = true;
    cluster.setOsmConfig(on);
    let hasConverged = false;
    cluster.watchStatus = (status) => {
      const isConverged = conditionOf(status, "Converged")?.status === "True";
      if (hasConverged && !isConverged) turns.push(`${afterMs}: ${conditionOf(status, "Converged")?.message}`);
      hasConverged ||= isConverged;
    };
    const first = startPass(cluster);
    await cluster.clock.pass(afterMs);
    const second = startPass(cluster, { kind: "drift" });
    await cluster.clock.run(Promise.all([first, second]));
    expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { total: 3, verified: 2, unreachable: 1 } });
  }
  expect(turns).toEqual([]);
});
