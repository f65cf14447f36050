import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFull, someOf } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { type ApiFault, type ApiRequest, type Meet, nth, together, watchExpired } from "#test/faults/proxy/fault.ts";
import { endOf, type Rest, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import type { Child } from "./child.ts";
import type { FunctionProcess } from "./function-process.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { setEgress } from "./small-mesh.ts";
import type { BusEvent } from "./stand-in-aws.ts";

/** Where it is struck, and how often its event of this change may have come to the bus by then. */
type Step = readonly [name: string, arm: (rig: Rig, meet: Meet) => void, taken: readonly number[]];

const steps: readonly Step[] = [
  ["before it has heard of the change", watched("before"), [0]],
  ["when it has heard of the change", watched("after"), [0, 1]],
  ["before PutEvents is carried out", putting("before"), [0]],
  ["after PutEvents was carried out, without its answer", putting("after"), [1]],
];

/** The same at its start: the change was made while none ran. */
const startSteps: readonly Step[] = [
  ["before it has listed osm-config", requesting(isList, "before"), [0]],
  ["when it has listed osm-config", requesting(isList, "after"), [0, 1]],
  ["before it watches osm-config", requesting(isWatch, "before"), [0, 1]],
  ["before the event of its start is carried out", putting("before"), [0]],
  ["after the event of its start was carried out, without its answer", putting("after"), [1]],
  ["before it has said that it is well", requesting(isHeartbeat, "before"), [0, 1]],
  ["when it has said that it is well", requesting(isHeartbeat, "after"), [0, 1]],
];

function requesting(matches: (request: ApiRequest) => boolean, when: "before" | "after"): Step[1] {
  return ({ proxy }, meet) => {
    proxy.faults = nth(1, matches, { kind: "meet", when, meet });
  };
}

function watched(when: "before" | "after"): Step[1] {
  return ({ proxy }, meet) => {
    proxy.faults = (request) => (isWatch(request) ? { kind: "meet line", when, meet } : undefined);
  };
}

function putting(when: "before" | "after"): Step[1] {
  return ({ aws }, meet) => {
    aws.faults = ({ name, sender }) =>
      name === "PutEvents" && sender === struck ? { kind: "meet", when, meet } : undefined;
  };
}

function isWatch(request: ApiRequest): boolean {
  return isOfConfig(request) && request.query.get("watch") === "true";
}

function isList(request: ApiRequest): boolean {
  return isOfConfig(request) && request.method === "GET" && request.query.get("watch") !== "true";
}

function isOfConfig({ identity, path }: ApiRequest): boolean {
  return identity === struck && path.endsWith("/osm-system/configmaps");
}

function isHeartbeat({ identity, method, path }: ApiRequest): boolean {
  return identity === struck && method === "PATCH" && path.endsWith("/leases/osm-forwarder");
}

const struck = "forwarder-1";
const successor = "forwarder-2";
/** The first is the second, a moment earlier. */
const struckSteps = isFull ? steps : steps.slice(1);
const times = isFull ? 10 : 1;

/** `osm forward` as a process, killed while it tells of a change, and started again as the kubelet does. */
export function forwarderKilled(of: () => Rig): void {
  describe("a forwarder", () => {
    let rig: Rig;
    let process: FunctionProcess;
    beforeAll(async () => {
      rig = of();
      process = await rig.startFunction("reconcile");
    });
    afterAll(() => process?.kill());

    const from = (sender: string) => rig.aws.events.filter((event) => event.sender === sender);
    const heardOf = (sender: string) => eventually("its event", () => from(sender)[0], { tell: () => told(sender) });
    const told = (sender: string) => `events: ${from(sender).length}`;

    test.each(struckSteps)(
      "killed %s: the change is told, and is not made twice",
      { timeout: times * 30_000 },
      async (_name, arm, taken) => {
        for (let time = 0; time < times; time++) {
          const before = await rest(rig);
          rig.aws.events.length = 0;
          const met = Promise.withResolvers<void>();
          let armed = false;
          let first: Child | undefined;
          arm(rig, async () => {
            // Its start is an event as well.
            if (!armed) return "go on";
            await first?.kill();
            met.resolve();
            return "drop";
          });
          first = rig.startForwarder(struck);
          await heardOf(struck);
          await watching(rig);
          const started = from(struck).length;
          armed = true;
          await setEgress(rig.admin, !before.egress);
          await met.promise;
          expect(taken).toContain(from(struck).length - started);
          await madeGood(before);
        }
      },
    );

    test.each(someOf(startSteps))(
      "killed at its start, %s: what had changed by then is told, and is not made twice",
      { timeout: times * 30_000 },
      async (_name, arm, taken) => {
        for (let time = 0; time < times; time++) {
          const before = await rest(rig);
          rig.aws.events.length = 0;
          await setEgress(rig.admin, !before.egress);
          const met = Promise.withResolvers<void>();
          let first: Child | undefined;
          arm(rig, async () => {
            await first?.kill();
            met.resolve();
            return "drop";
          });
          first = rig.startForwarder(struck);
          await met.promise;
          expect(taken).toContain(from(struck).length);
          await madeGood(before);
        }
      },
    );

    test("whose watch ends after a bookmark, and then with 410, goes on there, lists again, and tells the change", async () => {
      const before = await rest(rig);
      rig.aws.events.length = 0;
      // Older than the list's own, and so nothing but the bookmark can have told it.
      const bookmarked = await setEgress(rig.admin, before.egress);
      rig.proxy.faults = together(nth(1, isWatch, bookmark(bookmarked)), nth(2, isWatch, watchExpired));
      const forwarder = rig.startForwarder(struck);
      await watching(rig);
      const watches = rig.proxy.exchanges.filter(isWatch).map(({ query }) => query.get("resourceVersion"));
      expect(watches.length).toBe(3);
      expect(watches[1]).toBe(bookmarked);
      expect(watches[2]).not.toBe(bookmarked);
      const version = await setEgress(rig.admin, !before.egress);
      const isOfChange = ({ detail }: BusEvent) => detail["resourceVersion"] === version;
      await eventually("the change is told", () => from(struck).some(isOfChange), { tell: () => told(struck) });
      await pass(rig.aws.events);
      await forwarder.kill();
      expect(from(struck).filter(isOfChange).length).toBe(1);
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
    });

    /** By its successor, as the kubelet starts one, and the queue. */
    async function madeGood(before: Rest): Promise<void> {
      const second = rig.startForwarder(successor);
      await heardOf(successor);
      await pass(rig.aws.events);
      await second.kill();
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
    }

    /** What the queue does with events: in order, each until it is done with. */
    async function pass(events: readonly BusEvent[]): Promise<void> {
      for (const event of events.filter(({ source }) => source === "osm.forwarder")) {
        await new Message(event).untilDone(process);
      }
    }
  });
}

function bookmark(resourceVersion: string): ApiFault {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { resourceVersion } };
  return { kind: "lines", lines: [{ type: "BOOKMARK", object }], afterwards: "end" };
}

/** Until its watch of osm-config is open: what changes from here on comes by it. */
async function watching({ proxy }: Rig): Promise<void> {
  await eventually("osm-config is watched", () => proxy.exchanges.some((one) => isWatch(one) && one.status === 200));
}
