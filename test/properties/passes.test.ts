import fc from "fast-check";
import { expect, test } from "vitest";
import type { PassOutcome } from "#lib/reconcile/pass.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import { isFull } from "#test/counts.ts";
import { parseBool } from "#test/parse-bool.ts";
import type { ScriptedCluster } from "../scripted/cluster.ts";
import { meshAtRest } from "../scripted/mesh.ts";
import { runPass, startPass, unfinished, writesOf } from "../scripted/pass.ts";
import type { Fates } from "../scripted/ports.ts";

const permissive_traffic_policy_mode = "true";

/** Request and answer each take their time, another one at every call; a pass may be killed at one of them. */
const fates: fc.Arbitrary<Fates> = fc
  .record({
    delays: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 7, maxLength: 7 }),
    killedAt: fc.option(fc.nat(40), { freq: 2 }),
    killed: fc.constantFrom("before" as const, "after" as const),
  })
  .map(({ delays, killedAt, killed }) => (_, index) => ({
    there: delays[index % 7] ?? 0,
    back: delays[(index * 3 + 1) % 7] ?? 0,
    ...(index === killedAt ? { killed } : {}),
  }));

type Step = (cluster: ScriptedCluster, passes: Promise<PassOutcome | undefined>[]) => void | Promise<void>;

const pods = ["shop/web-1", "shop/web-2", "shop/db-1"] as const;

const quietStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("true", "false", "ture", undefined).map(
      (egress): Step =>
        (cluster) =>
          cluster.setOsmConfig({ permissive_traffic_policy_mode, ...(egress === undefined ? {} : { egress }) }),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record({ fates, kind: fc.constantFrom("hint" as const, "drift" as const) }).map(
      (options): Step =>
        (cluster, passes) => {
          passes.push(startPass(cluster, options).catch(unfinished));
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.integer({ min: 0, max: 200 }).map(
      (ms): Step =>
        (cluster) =>
          cluster.clock.pass(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 200, max: 25_000 }).map(
      (ms): Step =>
        (cluster) =>
          cluster.clock.pass(ms),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...pods),
        fc.constantFrom<(cluster: ScriptedCluster, pod: string) => void>(
          (cluster, pod) => cluster.pod(pod).start(),
          (cluster, pod) => void cluster.pod(pod).missedPokes++,
          (cluster, pod) => void (cluster.pod(pod).kubeletMs += 100),
          (cluster) => void (cluster.rollout = undefined),
          (cluster) => void (cluster.lease = undefined),
        ),
      )
      .map(
        ([pod, befall]): Step =>
          (cluster) =>
            befall(cluster, pod),
      ),
  },
);

/** What somebody does to the reconciler's own. */
const alteration = fc.constantFrom<Step>(
  (cluster) => void cluster.configMaps.delete("shop/osm-sidecar.web"),
  (cluster) => cluster.storeConfigMap({ ...cluster.configMap("shop/osm-sidecar.db"), files: {}, settings: undefined }),
);
const step = fc.oneof({ weight: 25, arbitrary: quietStep }, { weight: 1, arbitrary: alteration });
const driftMode = fc.constantFrom("correct" as const, "detect" as const);

test("any order, repetition, loss and death of passes ends on the last value after one more pass", {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.constantFrom("true", "false"), async (steps, last) => {
      const cluster = await meshAtRest();
      const passes: Promise<PassOutcome | undefined>[] = [];
      for (const take of steps) await take(cluster, passes);
      cluster.setOsmConfig({ egress: last, permissive_traffic_policy_mode });
      await cluster.clock.run(Promise.all(passes));
      // A killed pass's Lease expires; its message comes back later than that, and the pass over it asks everybody.
      // And nobody waits for longer than that for a correction.
      await cluster.clock.pass(325_000);
      for (const pod of cluster.pods.values()) pod.missedPokes = Math.min(pod.missedPokes, 2);

      expect((await runPass(cluster, { kind: "drift" })).kind).toBe("settled");
      const mode = last === "true" ? "on" : "off";
      expect(cluster.reality).toEqual([`shop/db-1 ${mode}`, `shop/web-1 ${mode}`, `shop/web-2 ${mode}`]);
      expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
      expect(conditionOf(cluster.status, "EgressCut")?.status).toBe(last === "true" ? "False" : "True");
      expect(cluster.status.history?.[0]).toMatchObject({ to: last === "true", outcome: "Converged" });
      expect(cluster.status.history?.filter(({ outcome }) => outcome === "Rolling")).toEqual([]);
      expect(cluster.lease?.holder).toBe("");
      // A pod that waited for its ConfigMap starts a moment later, and is noted.
      await cluster.clock.pass(2_000);
      await runPass(cluster);
      expect(await writesOf(cluster)).toEqual([]);
      const cut = last === "true" ? "" : " AllVerified";
      expect(await writesOf(cluster, { kind: "drift" })).toEqual([`status Idle ${mode} 3/3 AllVerified${cut}`]);
    }),
    { numRuns: isFull ? 2_000 : 60 },
  );
});

test("where nobody alters anything nothing is ever called altered, in either mode", { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(quietStep, { maxLength: 14 }), driftMode, async (steps, drift) => {
      const cluster = await meshAtRest();
      cluster.setSpec({ drift });
      const findings: unknown[] = [];
      cluster.watchStatus = (status) =>
        findings.push(...(status.drift?.findings ?? []), ...(status.drift?.history ?? []));
      const passes: Promise<PassOutcome | undefined>[] = [];
      for (const take of steps) await take(cluster, passes);
      await cluster.clock.run(Promise.all(passes));
      for (let pass = 0; pass < 3; pass++) {
        await cluster.clock.pass(25_000);
        await runPass(cluster, { kind: "drift" });
      }
      expect(findings).toEqual([]);
    }),
    { numRuns: isFull ? 2_000 : 100 },
  );
});

test("a change that is followed by its own hint needs no other, whatever else goes on", {
  timeout: 600_000,
}, async () => {
  const change = fc.record({
    egress: fc.constantFrom("true", "false"),
    fates: fates.map(
      (slow): Fates =>
        (verb, index) => ({ there: slow(verb, index).there, back: slow(verb, index).back }),
    ),
    pauseMs: fc.integer({ min: 0, max: 120 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
      const cluster = await meshAtRest();
      const passes: Promise<PassOutcome>[] = [];
      for (const { egress, fates, pauseMs } of changes) {
        cluster.setOsmConfig({ egress, permissive_traffic_policy_mode });
        passes.push(startPass(cluster, { fates }));
        await cluster.clock.pass(pauseMs);
      }
      await cluster.clock.run(Promise.all(passes));
      const mode = changes.at(-1)?.egress === "true" ? "on" : "off";
      expect(cluster.reality).toEqual([`shop/db-1 ${mode}`, `shop/web-1 ${mode}`, `shop/web-2 ${mode}`]);
      expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
      expect(await writesOf(cluster)).toEqual([]);
    }),
    { numRuns: isFull ? 2_000 : 100 },
  );
});

test("whatever is said while a pass runs, AllVerified is never said of a sidecar that runs something else", {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const cluster = await meshAtRest();
      const passes: Promise<PassOutcome | undefined>[] = [];
      for (const take of steps) await take(cluster, passes);
      await cluster.clock.run(Promise.all(passes));
      await cluster.clock.pass(25_000);
      for (const pod of cluster.pods.values()) pod.missedPokes = 4;
      cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode });
      const untrue: string[] = [];
      cluster.watchStatus = (status) => {
        const claims = conditionOf(status, "Converged")?.reason === "AllVerified" && status.target?.egress === true;
        const others = [...cluster.pods.values()].filter((pod) => !pod.egress);
        if (claims) untrue.push(...others.map((pod) => pod.name));
      };
      await runPass(cluster);
      expect(untrue).toEqual([]);
    }),
    { numRuns: isFull ? 1_000 : 30 },
  );
});

test("no text that is no boolean moves a mesh, whatever else is in osm-config", { timeout: 600_000 }, async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("", " true", "tRUE", "yes", "on", "ture", "ON", "2"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("on" as const, "off" as const),
      fc.array(fc.option(text), { minLength: 1, maxLength: 4 }),
      async (from, values) => {
        const cluster = await meshAtRest(from);
        for (const egress of values) {
          fc.pre(egress === null || parseBool(egress) === undefined);
          cluster.setOsmConfig({ permissive_traffic_policy_mode, ...(egress === null ? {} : { egress }) });
          const writes = await writesOf(cluster);
          expect(writes.filter((line) => /^(take|apply|poke|delete|injection)/.test(line))).toEqual([]);
          expect(await writesOf(cluster)).toEqual([]);
        }
      },
    ),
    { numRuns: isFull ? 1_000 : 50 },
  );
});
