import { expect, test } from "vitest";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass } from "./pass.ts";

const on = { egress: "true", permissive_traffic_policy_mode: "true" };
const slow = () => ({ there: 40, back: 40 });

test.each([0, 40, 100, 200, 400, 800])(
  "what the audit log tells %i ms after another pass has begun reaches the history, whoever holds the Lease",
  async (afterMs) => {
    const cluster = await meshAtRest();
    cluster.setOsmConfig(on);
    const testimony = { occurredAt: new Date(cluster.clock.nowMs()).toISOString(), auditUser: "alice" };
    const first = startPass(cluster, { fates: slow });
    await cluster.clock.pass(afterMs);
    const second = startPass(cluster, { testimony });
    await cluster.clock.run(Promise.all([first, second]));
    expect(cluster.status.history?.[0]).toMatchObject({ to: true, outcome: "Converged", users: ["alice"] });
    expect(cluster.status.history?.filter(({ users }) => users !== undefined)).toHaveLength(1);
  },
);

test("in a settled mesh it is written at once, without the Lease, and only once", async () => {
  const cluster = await meshAtRest();
  cluster.setOsmConfig(on);
  const testimony = { occurredAt: new Date(cluster.clock.nowMs()).toISOString(), auditUser: "alice" };
  await runPass(cluster);
  cluster.writes = [];
  await runPass(cluster, { testimony });
  expect(cluster.writes).toEqual(["status Idle on 3/3 AllVerified"]);
  cluster.writes = [];
  await runPass(cluster, { testimony });
  expect(cluster.writes).toEqual([]);
});

test("it is not lost where its pass is overtaken while it asks a sidecar that is silent", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-1").stopped = true;
  cluster.setOsmConfig(on);
  const testimony = { occurredAt: new Date(cluster.clock.nowMs()).toISOString(), auditUser: "alice" };
  await runPass(cluster);
  const witness = startPass(cluster, { testimony });
  await cluster.clock.pass(500);
  cluster.setOsmConfig({ ...on, egress: "false" });
  await cluster.clock.run(Promise.all([startPass(cluster), witness]));
  expect((await witness).kind).toBe("superseded");
  expect(cluster.status.history?.[1]).toMatchObject({ to: true, users: ["alice"] });
  expect(cluster.status.history?.[0]).not.toHaveProperty("users");
});

test("a cluster that does not answer is left to the queue after ten seconds, not waited for to the end", async () => {
  const cluster = await meshAtRest();
  const startedMs = cluster.clock.nowMs();
  const fates = () => ({ there: 5_000, back: 1, unanswered: "before" as const });
  await expect(runPass(cluster, { fates })).rejects.toThrow("no answer");
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(17_000);
});
