import { expect, test } from "vitest";
import { meshAtRest } from "./mesh.ts";
import { startPass } from "./pass.ts";

/** An API server that is busy: a pass takes longer to write than it takes until the next event. */
const slow = () => ({ there: 20, back: 20 });

test("looks without end keep nobody from saying that the switch has arrived", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const passes = [startPass(cluster, { fates: slow })];
  for (let change = 0; change < 30; change++) {
    await cluster.clock.pass(200);
    cluster.services.push({
      namespace: "shop",
      name: `s-${change}`,
      type: "ClusterIP",
      clusterIP: `10.96.0.${change + 1}`,
      hasSelector: true,
      ports: [80],
    });
    passes.push(startPass(cluster, { fates: slow }));
  }
  const { history } = cluster.status;
  await cluster.clock.run(Promise.all(passes));
  expect(history?.[0]).toMatchObject({ to: true, outcome: "Converged" });
  expect(history?.[0]?.tookMs).toBeLessThan(1_000);
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { total: 3, verified: 3 } });
});
