import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runSeed } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { type ApiRequest, nth } from "#test/faults/proxy/fault.ts";
import { writesIn } from "#test/faults/proxy/write-journal.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import { errorsOf, first } from "./aws-fault.ts";
import type { FunctionProcess } from "./function-process.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { secretsIn } from "./secrets.ts";
import { setEgress } from "./small-mesh.ts";

/** What a standard queue may do with messages, and what people may put into it. */
export function deliveries(of: () => Rig): void {
  describe("messages", () => {
    let rig: Rig;
    let one: FunctionProcess;
    let other: FunctionProcess;
    beforeAll(async () => {
      rig = of();
      rig.leaseSeconds = 20;
      [one, other] = await Promise.all([rig.startFunction("one"), rig.startFunction("other")]);
    });
    afterAll(async () => {
      await one?.kill();
      await other?.kill();
    });

    test("the same one to two processes at once: the change is made once", async () => {
      const before = await rest(rig);
      const message = new Message("change", await setEgress(rig.admin, !before.egress));
      const isOthersLook = (request: ApiRequest) => request.identity === "other" && stepOf(request) === "read Lease";
      // The one holds the Lease, and waits until the other has come upon it.
      rig.proxy.faults = nth(1, (request) => request.identity === "one" && stepOf(request) === "write ConfigMap", {
        kind: "meet",
        when: "before",
        async meet() {
          others = message.deliverTo(other);
          await eventually("the other has seen the Lease", () => rig.proxy.exchanges.some(isOthersLook));
          return "go on";
        },
      });
      let others: ReturnType<Message["deliverTo"]> | undefined;
      expect(await message.deliverTo(one)).toBe("done");
      expect(await others).toBe("done");
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
      expect(idsIn([...one.log, ...other.log])).toEqual([message.id]);
    });

    test("of three changes the last one first, and then the older ones, late: nothing is written for those", async () => {
      const before = await rest(rig);
      const oldest = new Message("change", await setEgress(rig.admin, !before.egress));
      const older = new Message("change", await setEgress(rig.admin, before.egress));
      const newest = new Message("change", await setEgress(rig.admin, !before.egress));
      await newest.untilDone(one);
      const from = rig.proxy.exchanges.length;
      await older.untilDone(other);
      await oldest.untilDone(one);
      expect(writesIn(rig.proxy.exchanges.slice(from))).toEqual([]);
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
    });

    const poison = { id: randomUUID(), source: "osm.forwarder", account: "111122223333", detail: {} };

    test.each([
      ["no JSON", "not JSON {", "event-malformed"],
      ["an event without its type", JSON.stringify(poison), "event-malformed"],
      ["a cluster without the tag", requestFor("no-such-cluster"), "cluster-unknown"],
    ])("poison, %s: one delivery, one dead letter with its reason", async (_name, body, reason) => {
      await rest(rig);
      const lines = one.log.length;
      const message = new Message({ body });
      await message.untilDone(one);
      expect(message.receives).toBe(1);
      expect(rig.aws.sent).toEqual([
        {
          queue: "dead-letters",
          body,
          attributes: { "osm-reason": reason, "osm-problem": expect.stringMatching(/\w+: .+/) },
        },
      ]);
      const errors = one.log.slice(lines).filter(({ level }) => level === "ERROR");
      expect(errors.map(({ messageId }) => messageId)).toEqual([message.id]);
      expect(rig.proxy.exchanges).toEqual([]);
    });

    test("poison whose dead letter cannot be sent comes back, and is one dead letter in the end", async () => {
      await rest(rig);
      const [fault] = errorsOf("SendMessage").slice(runSeed % 3);
      if (fault === undefined) throw new Error("no fault");
      rig.aws.faults = first(3, "SendMessage", fault);
      const message = new Message({ body: "{}" });
      await message.untilDone(one);
      expect(message.receives).toBe(2);
      expect(rig.aws.sent.map(({ queue }) => queue)).toEqual(["dead-letters"]);
      expect(secretsIn(one)).toEqual([]);
    });
  });
}

/** As somebody sends it from the console. */
function requestFor(cluster: string): string {
  return JSON.stringify({
    id: randomUUID(),
    source: "me",
    account: "111122223333",
    "detail-type": "Egress Reconcile Requested",
    time: new Date().toISOString(),
    detail: { cluster },
  });
}
