import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { conditionOf } from "#lib/rollout/status.ts";
import { isFull, seededRandom } from "#test/counts.ts";
import { breaches, busiestMinute, endOf, maxTakeoverMs, takeovers, unaccounted, writesAfterwards } from "./laws.ts";
import { allDeeds, type Plan, type Run, randomRun } from "./random-run.ts";

const runs = isFull ? 2_000 : 60;
/** Of up to eleven processes at once, with three sidecars of which one may be silent. */
const maxCallsInAMinute = 1_000;

type Deeds = Plan["deeds"][number]["deed"];
const switches = fc.constantFrom<Deeds>("switch on", "switch off");

function plan(hasSchedule: boolean, others: readonly Deeds[]): fc.Arbitrary<Plan> {
  const deed = fc.oneof({ weight: 3, arbitrary: switches }, { weight: 2, arbitrary: fc.constantFrom(...others) });
  const afterMs = fc.oneof(fc.nat(200), fc.nat(5_000), fc.nat(90_000));
  return fc.record({
    seed: fc.integer(),
    deeds: fc.array(fc.record({ deed, afterMs }), { maxLength: 10 }),
    faultShare: fc.constantFrom(0, 0.01, 0.04, 0.12),
    last: fc.constantFrom("on", "off"),
    hasSchedule: fc.constant(hasSchedule),
  });
}

// What retries wait for is chance; the same plan must make the same run.
beforeEach(() => void vi.spyOn(Math, "random").mockImplementation(seededRandom(1)));
afterEach(() => void vi.restoreAllMocks());

/** The last value in every ConfigMap, at every sidecar and in the status; no law broken. */
function expectLast({ system }: Run, last: "on" | "off"): void {
  const { cluster, queue } = system;
  expect(endOf(system)).toMatchObject({
    reality: [`shop/db-1 ${last}`, `shop/web-1 ${last}`, `shop/web-2 ${last}`],
    runs: 1,
    holder: "",
    waiting: 0,
  });
  const written = [...cluster.configMaps.values()].map(({ settings }) => settings?.egress);
  expect(written).toEqual([last === "on", last === "on"]);
  expect(conditionOf(cluster.status, "Accepted")?.status).toBe("True");
  expect(cluster.status.target?.egress).toBe(last === "on");
  expect(cluster.status.history?.[0]?.to).toBe(last === "on");
  expect(breaches(system)).toEqual([]);
  expect(unaccounted(system)).toEqual([]);
  expect(busiestMinute(system)).toBeLessThan(maxCallsInAMinute);
  // Nothing but poison is given up at once.
  expect(queue.dead.filter(({ problem, body }) => problem !== undefined && !isPoison(body))).toEqual([]);
}

/** And verified; and nothing more to do. */
async function expectVerified({ system }: Run, last: "on" | "off"): Promise<void> {
  const { status } = system.cluster;
  expect(conditionOf(status, "Converged")).toMatchObject({ status: "True", reason: "AllVerified" });
  expect(conditionOf(status, "EgressCut")?.status).toBe(last === "on" ? "False" : "True");
  expect(status.history?.filter(({ outcome }) => outcome === "Rolling")).toEqual([]);
  expect(await writesAfterwards(system, true)).toEqual([]);
}

function isPoison(body: string): boolean {
  return body.startsWith("\u0000") || body.includes(`"metadata":3`);
}

test(`${runs} runs of the whole system, struck anywhere: the last value is reached, nothing is lost and nothing comes twice`, {
  timeout: 1_800_000,
}, async ({ annotate }) => {
  const counts = {
    runs: 0,
    steps: 0,
    faults: 0,
    passes: 0,
    deadLetters: 0,
    takeovers: 0,
    slowestTakeoverMs: 0,
    busiestMinute: 0,
  };
  await fc.assert(
    fc.asyncProperty(plan(true, allDeeds), async (one) => {
      vi.mocked(Math.random).mockImplementation(seededRandom(one.seed));
      const run = await randomRun(one);
      const { system, struck } = run;
      expectLast(run, one.last);
      await expectVerified(run, one.last);
      counts.runs++;
      counts.steps += system.steps.length;
      counts.faults += struck.length;
      counts.passes += system.journal.of("delivered").length;
      counts.deadLetters += system.queue.dead.length;
      const taken = takeovers(system);
      counts.takeovers += taken.length;
      // One fault more may freeze whoever takes over, or have the message hidden late.
      if (struck.length === 1) counts.slowestTakeoverMs = Math.max(counts.slowestTakeoverMs, ...taken);
      counts.busiestMinute = Math.max(counts.busiestMinute, busiestMinute(system));
    }),
    { numRuns: runs },
  );
  await annotate(JSON.stringify(counts));
  expect(counts.runs).toBe(runs);
  expect(counts.faults).toBeGreaterThan(runs);
  expect(counts.takeovers).toBeGreaterThan(0);
  // In sixty runs there may be none that was killed and nothing else.
  expect(counts.slowestTakeoverMs).toBeGreaterThan(isFull ? 0 : -1);
  expect(counts.slowestTakeoverMs).toBeLessThanOrEqual(maxTakeoverMs);
});

test(`${runs} runs without the schedule: events and the queue alone bring every change`, {
  timeout: 1_800_000,
}, async () => {
  // That a sidecar is verified which nobody waits for any more is for the schedule.
  const deeds = ["delete the Lease", "restart a sidecar"] as const;
  await fc.assert(
    fc.asyncProperty(plan(false, deeds), async (one) => {
      vi.mocked(Math.random).mockImplementation(seededRandom(one.seed));
      const run = await randomRun(one);
      // What five passes could not do is for people, or the schedule.
      fc.pre(run.system.queue.dead.length === 0);
      expectLast(run, one.last);
    }),
    { numRuns: runs },
  );
});
