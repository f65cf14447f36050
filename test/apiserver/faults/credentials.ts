import { beforeAll, describe, expect, test } from "vitest";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { type ApiFaults, nth } from "#test/faults/proxy/fault.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import { errorsOf } from "./aws-fault.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { secretsIn } from "./secrets.ts";
import { setEgress } from "./small-mesh.ts";

/** What a function knows itself by is good no more while it is at a change. */
export function credentials(of: () => Rig): void {
  describe("in mid-pass", () => {
    let rig: Rig;
    beforeAll(() => {
      rig = of();
      rig.leaseSeconds = 1;
    });

    /** When the first ConfigMap is written. */
    const then = (what: () => void): ApiFaults =>
      nth(1, (request) => stepOf(request) === "write ConfigMap", {
        kind: "meet",
        when: "before",
        async meet() {
          what();
          return "go on";
        },
      });

    test("the token expires: the cluster is looked up anew, and the same process goes on with the next one", async () => {
      const before = await rest(rig);
      const process = await rig.startFunction("reconcile");
      try {
        rig.proxy.faults = then(() => rig.expireTokens());
        const message = new Message("change", await setEgress(rig.admin, !before.egress));
        expect(await message.deliverTo(process)).toBe("failed");
        // A signature has the time in whole seconds.
        await message.untilDone(process, 1_000);
        expect(rig.aws.calls.filter(({ name }) => name === "DescribeCluster").length).toBeGreaterThan(1);
        expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
        expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        expect(idsIn(process.log)).toEqual([message.id]);
        expect(process.log.map((line) => JSON.stringify(line)).join("\n")).toContain("[api-unauthenticated]");
        expect(secretsIn(process)).toEqual([]);
      } finally {
        await process.kill();
      }
    });

    test("the role's credentials expire, for AWS and the API server: the message comes back, and a process with new ones ends it", async () => {
      const before = await rest(rig);
      const process = await rig.startFunction("expired");
      const successor = await rig.startFunction("renewed");
      try {
        rig.proxy.faults = then(() => {
          rig.proxy.faults = ({ identity }) => (identity === "expired" ? { kind: "answer", status: 401 } : undefined);
          rig.aws.faults = ({ name, sender }) => (sender === "expired" ? errorsOf(name).at(-1) : undefined);
        });
        const message = new Message("change", await setEgress(rig.admin, !before.egress));
        expect(await message.deliverTo(process)).toBe("failed");
        expect(await message.deliverTo(process)).toBe("failed");
        await message.untilDone(successor, 1_000);
        expect(rig.aws.sent).toEqual([]);
        expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
        expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        expect(idsIn([...process.log, ...successor.log])).toEqual([message.id]);
        expect([...secretsIn(process), ...secretsIn(successor)]).toEqual([]);
      } finally {
        await process.kill();
        await successor.kill();
      }
    });
  });
}
