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

test("sidecars have no say over where the switch was: moved again, the next look comes at once", async () => {
  const cluster = await meshAtRest();
  // Nobody answers in time for the look that the second pass asks for.
  for (const pod of cluster.pods.values()) pod.kubeletMs = 5_000;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const first = startPass(cluster, { fates: slow });
  await cluster.clock.pass(100);
  const second = startPass(cluster);
  while (!cluster.writes.some((line) => line.startsWith("release"))) await cluster.clock.pass(10);
  await cluster.clock.pass(50);
  cluster.writes = [];
  cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode: "true" });
  await cluster.clock.pass(500);
  expect(cluster.writes.filter((line) => line.startsWith("apply"))[0]).toBe("apply shop/osm-sidecar.web off 3");
  await cluster.clock.run(Promise.all([first, second]));
});

test("what a pass has heard is not lost to another that told first what it had heard: no further look for that", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").kubeletMs = 1_500;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const writer = startPass(cluster);
  await cluster.clock.pass(800);
  const asker = startPass(cluster);
  await cluster.clock.run(asker);
  expect(cluster.writes.at(-1)).toBe("status Rolling on 2/3 Waiting");
  await cluster.clock.run(writer);
  expect(cluster.status.history?.[0]).toMatchObject({ to: true, outcome: "Converged", sidecars: 3 });
  expect(cluster.status.history?.[0]?.tookMs).toBeLessThan(2_000);
  expect(cluster.calls.get("readMesh")).toBe(2);
});

test("who told meanwhile has seen another mesh: the next status is of a look at that", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").kubeletMs = 1_500;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const writer = startPass(cluster);
  await cluster.clock.pass(800);
  cluster.setOsmConfig({ egress: "ture", permissive_traffic_policy_mode: "true" });
  await cluster.clock.run(startPass(cluster));
  expect(cluster.writes.filter((line) => line.startsWith("status")).at(-1)).toBe(
    "status Rolling on 2/3 Waiting not accepted",
  );
  await cluster.clock.run(writer);
  expect(cluster.writes.filter((line) => line.startsWith("status")).at(-1)).toBe(
    "status Idle on 3/3 AllVerified not accepted",
  );
  expect(cluster.calls.get("readMesh")).toBe(3);
});

test("the switch is moved while a large mesh is poked: the rest is poked for where it is then", async () => {
  const cluster = await meshAtRest();
  for (let index = 0; index < 640; index++) cluster.addPod("shop", `web-${index + 3}`, "web");
  await cluster.clock.pass(5_000);
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  cluster.writes = [];
  const pokes = () => cluster.writes.filter((line) => line.startsWith("poke")).length;
  const first = startPass(cluster, { fates: (verb) => (verb === "poke" ? { there: 150, back: 150 } : slow()) });
  while (pokes() < 64) await cluster.clock.pass(10);
  cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode: "true" });
  const isOffAgain = () => cluster.writes.some((line) => line.startsWith("apply shop/osm-sidecar.web off"));
  while (!isOffAgain() && pokes() < 643) await cluster.clock.pass(10);
  expect(pokes()).toBeLessThan(4 * 64);
  await cluster.clock.run(first);
  expect(cluster.reality.filter((line) => line.endsWith(" on"))).toEqual([]);
  expect(cluster.status).toMatchObject({ phase: "Idle", sidecars: { total: 643, verified: 643 } });
});

test("while the switch is on its way sidecars are asked as they are poked: the next look's first status tells that it is there", async () => {
  const cluster = await meshAtRest();
  // Longer than a look lets them have their say.
  for (const pod of cluster.pods.values()) pod.kubeletMs = 800;
  const told: string[] = [];
  cluster.watchStatus = ({ history }) =>
    told.push(`${history?.[0]?.outcome} ${cluster.lease?.holder === "" ? "free" : "held"}`);
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const first = startPass(cluster, { fates: slow });
  await cluster.clock.pass(100);
  const second = startPass(cluster, { fates: slow });
  while (!cluster.writes.includes("release")) await cluster.clock.pass(10);
  cluster.services.push(service(0));
  await cluster.clock.run(Promise.all([first, second]));
  expect(told.find((line) => line.startsWith("Converged"))).toBe("Converged held");
});
