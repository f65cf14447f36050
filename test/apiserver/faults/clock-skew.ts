import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { read } from "#lib/kube/objects.ts";
import { someOf } from "#test/counts.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { type ApiFaults, type Meet, nth } from "#test/faults/proxy/fault.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import type { Child } from "./child.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { setEgress, statusNow } from "./small-mesh.ts";

const minuteMs = 60_000;
const skews = [10 * minuteMs, -10 * minuteMs];
/** By how much the clock of the one and of the other process is ahead. */
const pairs = skews.flatMap((skew) => [[skew, 0] as const, [0, skew] as const]);
const someSkews = someOf(skews);
const somePairs = someOf(pairs);

/** Functions whose clock is ten minutes ahead or behind AWS' and the API server's, which both refuse what was signed then. */
export function clockSkew(of: () => Rig): void {
  describe("with a clock that is ten minutes off", () => {
    let rig: Rig;
    beforeAll(() => {
      rig = of();
    });

    test.each(someSkews)("by %i ms: the change arrives at the first try, and durations are right", async (skew) => {
      rig.leaseSeconds = 20;
      const before = await rest(rig);
      const process = await rig.startFunction("skewed", skew);
      try {
        const beganMs = Date.now();
        const message = new Message("change", await setEgress(rig.admin, !before.egress));
        expect(await message.deliverTo(process)).toBe("done");
        expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
        expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        expect(idsIn(process.log)).toEqual([message.id]);
        const { history: [entry] = [], convergedAt } = await statusNow(rig.admin);
        const minutesAhead = (time = "") => Math.round((Date.parse(time) - beganMs) / minuteMs) + 0;
        // The Lease and the change have the API server's time, the rest the clock of whoever wrote it.
        expect([await renewTime(rig), entry?.changedAt].map(minutesAhead)).toEqual([0, 0]);
        expect([entry?.startedAt, convergedAt].map(minutesAhead)).toEqual([skew / minuteMs, skew / minuteMs]);
        expect(entry?.tookMs).toBeLessThanOrEqual(Date.now() - beganMs);
        expect(passMs(process)).toBeGreaterThan(0);
        expect(passMs(process)).toBeLessThanOrEqual(Date.now() - beganMs);
      } finally {
        await process.kill();
      }
    });

    test.each(somePairs)(
      "%i ms ahead at work, and one %i ms ahead comes upon its Lease: it is not broken",
      async (ofHolder, ofOther) => {
        rig.leaseSeconds = 20;
        const before = await rest(rig);
        const [holder, other] = [
          await rig.startFunction("holder", ofHolder),
          await rig.startFunction("other", ofOther),
        ];
        try {
          const version = await setEgress(rig.admin, !before.egress);
          let how: string | undefined;
          rig.proxy.faults = firstWriteOf("holder", async () => {
            how = await new Message("change", version).deliverTo(other);
            return "go on";
          });
          expect(await new Message("change", version).deliverTo(holder)).toBe("done");
          expect(how).toBe("done");
          expect(writers(rig)).toEqual(["holder"]);
          expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
          expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        } finally {
          await holder.kill();
          await other.kill();
        }
      },
    );

    test.each(somePairs)(
      "%i ms ahead killed with the Lease in hand: one %i ms ahead takes it when it has expired",
      async (ofHolder, ofOther) => {
        rig.leaseSeconds = 1;
        const before = await rest(rig);
        const [holder, other] = [
          await rig.startFunction("holder", ofHolder),
          await rig.startFunction("other", ofOther),
        ];
        try {
          rig.proxy.faults = firstWriteOf("holder", async () => {
            await holder.kill();
            return "drop";
          });
          const message = new Message("change", await setEgress(rig.admin, !before.egress));
          expect(await message.deliverTo(holder)).toBe("killed");
          // The API server's clock is told in whole seconds.
          await sleep(2_000);
          expect(await message.deliverTo(other)).toBe("done");
          expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
          expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        } finally {
          await holder.kill();
          await other.kill();
        }
      },
    );
  });
}

function firstWriteOf(process: string, meet: Meet): ApiFaults {
  const isIt = (request: Parameters<ApiFaults>[0]) =>
    request.identity === process && stepOf(request) === "write ConfigMap";
  return nth(1, isIt, { kind: "meet", when: "before", meet });
}

/** Whose ConfigMap writes there were. */
function writers({ proxy }: Rig): readonly string[] {
  const writes = proxy.exchanges.filter((exchange) => stepOf(exchange) === "write ConfigMap");
  return [...new Set(writes.map(({ identity }) => identity))];
}

/** As the function's metric has it. */
function passMs({ said }: Child): number {
  return Number(/"PassMs":\[?(-?[\d.]+)/.exec(said.join("\n"))?.[1]);
}

async function renewTime({ admin }: Rig): Promise<string | undefined> {
  const path = "/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-reconciler";
  return (await read<{ readonly spec: { readonly renewTime: string } }>(admin, path))?.spec.renewTime;
}
