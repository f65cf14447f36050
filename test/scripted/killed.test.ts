import { describe, expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import { isFull } from "#test/counts.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, unfinished, writesOf } from "./pass.ts";
import { type Fate, Killed } from "./ports.ts";

const calm: Fate = { there: 1, back: 1 };
/** Longer than a Lease, shorter than the kubelet's own look at its volumes, which would hide an omission. */
const untilAgainMs = 25_000;

const permissive_traffic_policy_mode = "true";

interface Scenario {
  readonly name: string;
  readonly from: "on" | "off";
  readonly to: "on" | "off";
  change(cluster: ScriptedCluster): void;
}

const scenarios: readonly Scenario[] = [
  {
    name: "off to on",
    from: "off",
    to: "on",
    change: (cluster) => cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode }),
  },
  {
    name: "on to off",
    from: "on",
    to: "off",
    change: (cluster) => cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode }),
  },
  {
    name: "a ConfigMap altered by hand",
    from: "off",
    to: "off",
    change(cluster) {
      const map = cluster.configMap("shop/osm-sidecar.web");
      cluster.storeConfigMap({ ...map, files: { ...map.files, "lds.json": `{"version_info":"mine","resources":[]}` } });
      for (const pod of cluster.pods.values()) pod.look();
    },
  },
  { name: "the Lease lost", from: "on", to: "on", change: (cluster) => void (cluster.lease = undefined) },
];

async function atChange({ from, change }: Scenario): Promise<ScriptedCluster> {
  const cluster = await meshAtRest(from);
  change(cluster);
  return cluster;
}

function callsOf(cluster: ScriptedCluster): number {
  return [...cluster.calls.values()].reduce((sum, calls) => sum + calls, 0);
}

async function expectRight(cluster: ScriptedCluster, { to }: Scenario): Promise<void> {
  expect(cluster.reality).toEqual([`shop/db-1 ${to}`, `shop/web-1 ${to}`, `shop/web-2 ${to}`]);
  expect(new Set([...cluster.pods.values()].map((pod) => pod.runs)).size).toBe(1);
  expect(conditionOf(cluster.status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
  expect(cluster.status.history?.map((entry) => [entry.to ? "on" : "off", entry.outcome])[0]).toEqual([
    to,
    "Converged",
  ]);
  expect(await writesOf(cluster)).toEqual([]);
}

/** Every pair in a long run. */
const stride = isFull ? 1 : 3;

describe.each(scenarios)("$name", { timeout: 60_000 }, (scenario) => {
  test("killed at any call, before or after it was carried out: the next pass ends it", async () => {
    const whole = await atChange(scenario);
    await runPass(whole);
    const calls = callsOf(whole);
    expect(calls).toBeGreaterThan(10);
    for (let at = 0; at < calls; at++) {
      for (const killed of ["before", "after"] as const) {
        const cluster = await atChange(scenario);
        const fates = (_: string, index: number) => (index === at ? { ...calm, killed } : calm);
        await expect(runPass(cluster, { fates })).rejects.toThrow(Killed);
        await cluster.clock.pass(untilAgainMs);
        await runPass(cluster);
        await expectRight(cluster, scenario);
      }
    }
  });

  test("any call left without an answer: this pass or the next ends it", async () => {
    const whole = await atChange(scenario);
    await runPass(whole);
    const calls = callsOf(whole);
    for (let at = 0; at < calls; at++) {
      for (const unanswered of ["before", "after"] as const) {
        const cluster = await atChange(scenario);
        const fates = (_: string, index: number) => (index === at ? { ...calm, unanswered } : calm);
        const outcome = await runPass(cluster, { fates }).catch((error: unknown) => error);
        // It ends well or says why it did not; nothing else comes out of it.
        expect(outcome instanceof EgressError || (outcome as PassOutcome).kind === "settled").toBe(true);
        await cluster.clock.pass(untilAgainMs);
        await runPass(cluster);
        await expectRight(cluster, scenario);
      }
    }
  });

  test("frozen at any call and woken after the next pass: what it still writes changes nothing", async () => {
    const whole = await atChange(scenario);
    await runPass(whole);
    const calls = callsOf(whole);
    for (let at = 0; at < calls; at++) {
      const cluster = await atChange(scenario);
      const fates = (_: string, index: number) => (index === at ? { ...calm, there: 40_000 } : calm);
      const frozen = runPass(cluster, { fates, budgetMs: 90_000 }).catch(unfinished);
      await cluster.clock.pass(untilAgainMs);
      await runPass(cluster);
      await frozen;
      await runPass(cluster);
      await expectRight(cluster, scenario);
    }
  });
});

test("killed twice on the way there and back: nobody is trusted for what an earlier pass verified", {
  timeout: 120_000,
}, async () => {
  const there = await meshAtRest("off");
  there.setOsmConfig({ egress: "true", permissive_traffic_policy_mode });
  await runPass(there);
  const calls = callsOf(there);
  for (let first = 4; first < calls; first += stride) {
    for (let second = 4; second < calls; second += stride) {
      const cluster = await meshAtRest("off");
      const killedAt = (at: number) => (_: string, index: number) =>
        index === at ? { ...calm, killed: "after" as const } : calm;
      cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode });
      await runPass(cluster, { fates: killedAt(first) }).catch(unfinished);
      await cluster.clock.pass(untilAgainMs);
      cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode });
      for (const pod of cluster.pods.values()) pod.missedPokes = 1;
      await runPass(cluster, { fates: killedAt(second) }).catch(unfinished);
      await cluster.clock.pass(untilAgainMs);
      // The queue brings the message back, and a pass over such a one asks and waits for everybody.
      await runPass(cluster, { kind: "drift" });
      await expectRight(cluster, { name: "", from: "off", to: "off", change: () => undefined });
    }
  }
});

test("a write that was given up and lands late finds a higher number there", async () => {
  for (const at of [0, 1]) {
    const cluster = await meshAtRest("off");
    let applies = 0;
    const fates = (verb: string) =>
      verb === "applyConfigMap" && applies++ === at ? { ...calm, lateMs: 60_000 } : calm;
    cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode });
    await expect(runPass(cluster, { fates })).rejects.toThrow("no answer");
    await cluster.clock.pass(untilAgainMs);
    cluster.setOsmConfig({ egress: "false", permissive_traffic_policy_mode });
    await runPass(cluster);
    await cluster.clock.pass(60_000);
    expect([...cluster.configMaps.values()].map(({ settings }) => settings?.egress)).toEqual([false, false]);
    await expectRight(cluster, { name: "", from: "off", to: "off", change: () => undefined });
  }
});
