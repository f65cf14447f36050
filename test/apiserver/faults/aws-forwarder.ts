import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFull, runSeed } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import type { Exchange } from "#test/faults/proxy/fault.ts";
import { endOf, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import { type AwsFault, errorsOf } from "./aws-fault.ts";
import type { Child } from "./child.ts";
import type { FunctionProcess } from "./function-process.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { secretsIn } from "./secrets.ts";
import { setEgress } from "./small-mesh.ts";

const name = "forwarder-1";

/** What befalls every PutEvents for a while, and what the log says of it. */
const kinds: readonly (readonly [AwsFault, string])[] = [
  ...errorsOf("PutEvents").map((fault) => [fault, fault.kind === "error" ? fault.code : ""] as const),
  [{ kind: "error", status: 400, code: "ResourceNotFoundException" }, "ResourceNotFoundException"],
  [{ kind: "reset", when: "before" }, "ECONNRESET"],
  // Of a batch the second is not in: the first must not come again, and the third waits behind it.
  [{ kind: "entries", failed: [1], code: "InternalFailure" }, "events not in"],
  [{ kind: "entries", failed: [0, 2], code: "ThrottlingException" }, "events not in"],
];
const hanging: readonly (readonly [AwsFault, string])[] = [[{ kind: "hang", when: "before" }, "TimeoutError"]];
const partial = kinds.slice(-2);
const some = [kinds[runSeed % (kinds.length - 2)] ?? kinds[0], partial[runSeed % 2]].filter((one) => one !== undefined);

/** Longer than the tries of one call take: the SDK has given up, and what it gives up is tried again. */
const outageMs = ({ kind }: AwsFault) => (kind === "hang" ? 17_000 : 4_000);
/** The SDK's three tries, with longer and longer waits between them: some 8 times. */
const maxStruck = 30;

/** `osm forward` while its bus does not take what it tells. */
export function awsForwarder(of: () => Rig): void {
  describe("a forwarder whose bus", () => {
    let rig: Rig;
    let process: FunctionProcess;
    beforeAll(async () => {
      rig = of();
      rig.leaseSeconds = 20;
      process = await rig.startFunction("reconcile");
    });
    afterAll(() => process?.kill());

    /** Its own start is told, and it watches. */
    async function started(): Promise<Child> {
      const forwarder = rig.startForwarder(name);
      await eventually("its start", () => rig.aws.events.length > 0);
      await eventually("osm-config is watched", () => rig.proxy.exchanges.some(isWatch));
      return forwarder;
    }

    test.each(isFull ? [...kinds, ...hanging] : some)(
      "answers %j for a while: three changes are told once the bus is back, each once",
      async (fault, said) => {
        const before = await rest(rig);
        const forwarder = await started();
        try {
          const isTold = rig.aws.events.length;
          const held = Promise.withResolvers<void>();
          let isOver = false;
          rig.aws.faults = (call) => {
            if (call.name !== "PutEvents" || call.sender !== name || isOver) return undefined;
            // The first change is on its way until the others wait: they are one batch.
            return rig.aws.calls.slice(calls).some((one) => one.sender === name)
              ? fault
              : { kind: "meet", when: "before", meet: () => held.promise.then(() => "drop") };
          };
          const calls = rig.aws.calls.length;
          const versions = [
            await setEgress(rig.admin, !before.egress),
            await setEgress(rig.admin, before.egress),
            await setEgress(rig.admin, !before.egress),
          ];
          const heard = (version: string) => forwarder.log.some((line) => line["resourceVersion"] === version);
          await eventually("all are heard of", () => versions.every(heard));
          held.resolve();
          await sleep(outageMs(fault));
          isOver = true;
          const told = () => rig.aws.events.slice(isTold).map(({ detail }) => detail["resourceVersion"]);
          const isThere = () => versions.every((version) => told().includes(version));
          await eventually("all are told", isThere, { tell: () => JSON.stringify(told()) });
          expect(new Set(told())).toEqual(new Set(versions));
          expect(told().length).toBe(versions.length);
          expect(
            forwarder.log.filter((line) => line.level === "warn" && JSON.stringify(line).includes(said)),
          ).not.toEqual([]);
          expect(rig.aws.calls.filter((call) => call.fault !== undefined).length).toBeLessThan(maxStruck);
          expect(secretsIn(forwarder)).toEqual([]);
          for (const event of rig.aws.events.slice(isTold)) await new Message(event).untilDone(process);
          expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
          expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        } finally {
          await forwarder.kill();
        }
      },
    );

    test("is not there, and EventBridge says it is: that event is lost, and the schedule brings the change", async () => {
      const before = await rest(rig);
      const forwarder = await started();
      try {
        const calls = rig.aws.calls.length;
        rig.aws.faults = ({ sender }) => (sender === name ? { kind: "swallowed" } : undefined);
        await setEgress(rig.admin, !before.egress);
        await eventually("it is put", () => rig.aws.calls.length > calls);
        await new Message("drift").untilDone(process);
        expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
        expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
      } finally {
        await forwarder.kill();
      }
    });
  });
}

function isWatch({ identity, path, query, status }: Exchange): boolean {
  const isOfConfig = path.endsWith("/osm-system/configmaps") && query.get("watch") === "true";
  return identity === name && isOfConfig && status === 200;
}
