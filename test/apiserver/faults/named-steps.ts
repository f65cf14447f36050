import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { overtaken } from "#lib/kube/objects.ts";
import { someOf } from "#test/counts.ts";
import { type StepName, stepOf } from "#test/faults/proxy/api-step.ts";
import { nth } from "#test/faults/proxy/fault.ts";
import { namedSteps as everyStep } from "#test/faults/proxy/named-steps.ts";
import { writesIn } from "#test/faults/proxy/write-journal.ts";
import { endOf, idsIn, type Rest, refusedWrites, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import { first as firstCalls } from "./aws-fault.ts";
import type { FunctionProcess } from "./function-process.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { setEgress } from "./small-mesh.ts";

/** In the gate one of them is struck, by the run's seed: killed or frozen. */
const cases = everyStep.flatMap(
  (step) =>
    [
      { how: "killed", step },
      { how: "frozen", step },
    ] as const,
);
const some = someOf(cases);
const those = (how: "killed" | "frozen") => some.filter((one) => one.how === how).map(({ step }) => step);

/** Its own calls to AWS: the first, the look-up of its cluster, and what it tells. */
const awsSteps = (["ChangeMessageVisibility", "DescribeCluster", "PutEvents"] as const).flatMap((name) =>
  (["before", "after"] as const).map((when) => [when, name] as const),
);

const leaseSeconds = 1;
/** The API server's clock is told in whole seconds. */
const expiredMs = (leaseSeconds + 1) * 1_000;

/** A pass that is struck at a named step, by the process it runs in, and a second process that takes over. */
export function namedSteps(of: () => Rig): void {
  describe("a pass of a process that is struck", () => {
    let rig: Rig;
    let second: FunctionProcess;
    beforeAll(async () => {
      rig = of();
      rig.leaseSeconds = leaseSeconds;
      second = await rig.startFunction("second");
    });
    afterAll(() => second?.kill());

    test.each(those("killed"))("killed %s: another process ends it", async (_name, step, when) => {
      const before = await rest(rig);
      const first = await rig.startFunction("first");
      rig.proxy.faults = nth(1, (request) => request.identity === "first" && stepOf(request) === step, {
        kind: "meet",
        when,
        async meet() {
          await first.kill();
          return "drop";
        },
      });
      await endedBySecond(first, before);
    });

    test.each(someOf(awsSteps))("killed %s its %s is carried out: another process ends it", async (when, name) => {
      const before = await rest(rig);
      const first = await rig.startFunction("first");
      rig.aws.faults = firstCalls(1, name, {
        kind: "meet",
        when,
        async meet() {
          await first.kill();
          return "drop";
        },
      });
      await endedBySecond(first, before);
    });

    /** The first is killed at the change; the second ends it, and finds nothing more to do. */
    async function endedBySecond(first: FunctionProcess, before: Rest): Promise<void> {
      const message = new Message("change", await setEgress(rig.admin, !before.egress));
      expect(await message.deliverTo(first)).toBe("killed");
      await sleep(expiredMs);
      const said = second.log.length;
      await message.untilDone(second);
      expect(idsIn([...first.log, ...second.log.slice(said)])).toEqual([message.id]);
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
      expect(await writesOfOneMore()).toEqual([]);
    }

    test.each(those("frozen"))("frozen %s, and woken when its successor has ended", async (_name, step, when) => {
      await wokenAt(step, when);
    });

    test("frozen at its first write, and woken when its successor has ended: the API server refuses it", async () => {
      await wokenAt("write ConfigMap", "before");
      const refused = refusedWrites(rig, "first");
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.filter(({ answer }) => !answer.includes(overtaken))).toEqual([]);
    });

    /** Meanwhile the switch is moved back, so that whatever it still wants to write is wrong. */
    async function wokenAt(step: StepName, when: "before" | "after"): Promise<void> {
      const before = await rest(rig);
      const first = await rig.startFunction("first");
      const met = Promise.withResolvers<void>();
      const awake = Promise.withResolvers<void>();
      rig.proxy.faults = nth(1, (request) => request.identity === "first" && stepOf(request) === step, {
        kind: "meet",
        when,
        async meet() {
          first.freeze();
          met.resolve();
          await awake.promise;
          return "go on";
        },
      });
      const message = new Message("change", await setEgress(rig.admin, !before.egress));
      const ended = message.deliverTo(first);
      await met.promise;
      await sleep(expiredMs);
      await setEgress(rig.admin, before.egress);
      await message.untilDone(second);
      const successor = rig.proxy.exchanges.length;
      awake.resolve();
      first.wake();
      expect(["done", "failed"]).toContain(await ended);
      await first.kill();
      const { configMaps, running, verified, target } = wantedEnd(before.egress);
      expect(await endOf(rig)).toMatchObject({ configMaps, running, verified, target });
      expect(wayOf(rig, before)).toMatchObject({ breaches: [], spins: [] });
      const later = writesIn(rig.proxy.exchanges.slice(successor));
      expect(later.filter(({ step: what, isTaken }) => what === "write ConfigMap" && isTaken)).toEqual([]);
      await writesOfOneMore();
      expect(await writesOfOneMore()).toEqual([]);
    }

    /** What another look at the mesh writes: nothing, when all is over. */
    async function writesOfOneMore(): Promise<readonly string[]> {
      const from = rig.proxy.exchanges.length;
      await new Message("change").untilDone(second);
      return writesIn(rig.proxy.exchanges.slice(from)).map(({ step, object }) => `${step} ${object}`);
    }
  });
}
