import { expect, test } from "vitest";
import { eventually } from "#test/eventually.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { nth } from "#test/faults/proxy/fault.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { setEgress } from "./small-mesh.ts";

/** One of them ends and comes again, with what it had stored, while a pass is about to poke and a forwarder watches. */
export function serverRestarted(of: () => Rig): void {
  test.each([
    ["the API server", (rig: Rig) => rig.server.restart()],
    ["etcd", (rig: Rig) => rig.server.restartEtcd()],
  ])(
    "%s is restarted under a pass and a forwarder: the change arrives once, and the next is told",
    async (_, restart) => {
      const rig = of();
      const { admin, proxy, aws } = rig;
      rig.leaseSeconds = 1;
      const process = await rig.startFunction("reconcile");
      const before = await rest(rig);
      aws.events.length = 0;
      const forwarder = rig.startForwarder("forwarder-1");
      const told = (version: string) => () =>
        aws.events.find(({ source, detail }) => source === "osm.forwarder" && detail["resourceVersion"] === version);
      try {
        await eventually("the forwarder has started", () => aws.events.length > 0);
        let restarted: Promise<void> | undefined;
        proxy.faults = nth(1, (request) => stepOf(request) === "poke", {
          kind: "meet",
          when: "before",
          async meet() {
            restarted = restart(rig);
            return "go on";
          },
        });
        const version = await setEgress(admin, !before.egress);
        const event = await eventually("the change is told", told(version));
        const message = new Message(event);
        const how = await message.deliverTo(process);
        await restarted;
        // The queue brings it back after longer than a restart takes.
        if (how !== "done") await message.untilDone(process);
        expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
        expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        expect(restarted).toBeDefined();
        // From the forwarder's line to the function's.
        const forwarded = forwarder.log.find((line) => line["resourceVersion"] === version);
        expect(idsIn(process.log)).toEqual([forwarded?.correlationId]);

        const after = await rest(rig);
        const next = await setEgress(admin, before.egress);
        const nextEvent = await eventually("the next change is told", told(next));
        await new Message(nextEvent).untilDone(process);
        expect(await endOf(rig)).toEqual(wantedEnd(before.egress));
        expect(wayOf(rig, after)).toEqual(wantedWay(before.egress));
      } finally {
        await forwarder.kill();
        await process.kill();
      }
    },
  );
}
