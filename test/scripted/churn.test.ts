import { expect, test } from "vitest";
import { meshAtRest } from "./mesh.ts";
import { startPass } from "./pass.ts";
import type { Fates } from "./ports.ts";

/** An API server that is busy: a pass takes longer to write than it takes until the next event. */
const slow = () => ({ there: 20, back: 20 });

const service = (index: number) => ({
  namespace: "shop",
  name: `s-${index}`,
  type: "ClusterIP",
  clusterIP: `10.96.0.${index + 1}`,
  hasSelector: true,
  ports: [80],
});

test("looks without end keep nobody from saying that the switch has arrived", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const passes = [startPass(cluster, { fates: slow })];
  for (let change = 0; change < 30; change++) {
    await cluster.clock.pass(200);
    cluster.services.push(service(change));
    passes.push(startPass(cluster, { fates: slow }));
  }
  const { history } = cluster.status;
  await cluster.clock.run(Promise.all(passes));
  expect(history?.[0]).toMatchObject({ to: true, outcome: "Converged" });
  expect(history?.[0]?.tookMs).toBeLessThan(1_000);
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { total: 3, verified: 3 } });
});

test("a switch that is moved while the Lease is held goes first: nobody is poked for what it overtakes", async () => {
  const cluster = await meshAtRest();
  cluster.services.push(service(0));
  // Somebody has changed a Service, and the pass over that is reading or writing when the switch is moved.
  const first = startPass(cluster, { fates: slow });
  await cluster.clock.pass(150);
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  await cluster.clock.run(first);
  const writes = cluster.writes.filter((line) => /^(take|apply|poke|release)/.test(line));
  expect(writes).toEqual([
    "take 2",
    "apply shop/osm-sidecar.web off 2",
    "apply shop/osm-sidecar.db off 2",
    "apply shop/osm-sidecar.web on 2",
    "apply shop/osm-sidecar.db on 2",
    "poke shop/web-1",
    "poke shop/web-2",
    "poke shop/db-1",
    "release",
  ]);
  expect(cluster.status).toMatchObject({
    phase: "Idle",
    target: { egress: true },
    sidecars: { total: 3, verified: 3 },
  });
});

test("a failure while the sidecars have their say before another look: the same pass looks again", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  let statuses = 0;
  // The first status is written with the Lease in hand, the second when the sidecars have answered.
  const fates: Fates = (verb) => ({
    ...slow(),
    ...(verb === "writeStatus" && ++statuses === 2 ? { unanswered: "before" } : {}),
  });
  const first = startPass(cluster, { fates });
  await cluster.clock.pass(100);
  const second = startPass(cluster);
  await cluster.clock.run(second);
  expect(cluster.writes).toContain("mark");
  await expect(cluster.clock.run(first)).resolves.toMatchObject({ kind: "settled" });
  expect(statuses).toBeGreaterThan(2);
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { total: 3, verified: 3 } });
});
