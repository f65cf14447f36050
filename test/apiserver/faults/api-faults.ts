import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFull, runSeed, seededRandom, someOf } from "#test/counts.ts";
import { type StepName, stepOf } from "#test/faults/proxy/api-step.ts";
import { type ApiFault, type ApiFaults, during, type Exchange, nth, together } from "#test/faults/proxy/fault.ts";
import { busiestMinute, endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import type { LogLine } from "./child.ts";
import type { FunctionProcess } from "./function-process.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { setEgress } from "./small-mesh.ts";

/** Every kind of request that a change consists of. */
const steps: readonly StepName[] = [
  "read Lease",
  "read osm-config",
  "read status",
  "take Lease",
  "list ConfigMaps",
  "list other",
  "write ConfigMap",
  "list pods",
  "poke",
  "write status",
  "release Lease",
  "ask",
  "write Event",
];

/** Of one request, or of all for a while. */
export const apiFaultKinds: readonly ApiFault[] = [
  { kind: "answer", status: 429, headers: { "retry-after": "1" } },
  { kind: "answer", status: 500 },
  { kind: "answer", status: 503 },
  { kind: "answer", status: 504 },
  // A token that has expired under way.
  { kind: "answer", status: 401 },
  { kind: "reset", when: "before" },
  { kind: "reset", when: "after" },
  { kind: "half" },
  { kind: "slow", forMs: 1_000 },
  { kind: "hang", when: "before" },
  { kind: "hang", when: "after" },
];

interface Case {
  readonly step: StepName;
  readonly fault: ApiFault;
}
const every: readonly Case[] = apiFaultKinds.flatMap((fault) => steps.map((step) => ({ step, fault })));
const random = seededRandom(runSeed);
const any = () => every[Math.floor(random() * every.length)] as Case;

/** In the gate some, by the run's seed; hanging takes 10 s, and so only in full counts but where it is given up sooner. */
const quick = every.filter(({ step, fault }) => fault.kind !== "hang" || step === "ask");
const single = isFull ? every : pick(quick, 3);
const pairs = Array.from({ length: isFull ? 60 : 1 }, () => (isFull ? [any(), any()] : pick(quick, 2)));

function pick(from: readonly Case[], count: number): readonly Case[] {
  return Array.from({ length: count }, () => from[Math.floor(random() * from.length)] as Case);
}

/** All requests of so long; longer than the tries of one request take. */
const windows: readonly (readonly [number, ApiFault])[] = [
  [2_500, { kind: "answer", status: 429, headers: { "retry-after": "1" } }],
  [2_500, { kind: "reset", when: "before" }],
  [2_500, { kind: "reset", when: "after" }],
];

/** Undisturbed a change is some 35 requests; the rest is for what is tried again. */
const maxRequestsInAMinute = 200;

/** One change of the switch while the API server, or the way there, fails: as often as told, and then no more. */
export function apiFaults(of: () => Rig): void {
  describe("a change arrives, once, though", () => {
    let rig: Rig;
    let process: FunctionProcess;
    beforeAll(async () => {
      rig = of();
      rig.leaseSeconds = 1;
      process = await rig.startFunction("reconcile");
    });
    afterAll(() => process?.kill());

    async function changed(faults: ApiFaults): Promise<void> {
      const before = await rest(rig);
      const lines = process.log.length;
      rig.proxy.faults = faults;
      const message = new Message("change", await setEgress(rig.admin, !before.egress));
      await message.untilDone(process);
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
      expect(busiestMinute(rig.proxy.exchanges)).toBeLessThan(maxRequestsInAMinute);
      expect(idsIn(process.log.slice(lines))).toEqual([message.id]);
      const struck = rig.proxy.exchanges.filter(({ fault }) => fault !== undefined);
      expect(struck.length).toBeGreaterThan(0);
      expect(isTold(process.log.slice(lines), struck)).toBe(true);
    }

    test.each(single)("$fault at: $step", async ({ step, fault }) => {
      await changed(nth(1, (request) => stepOf(request) === step, fault));
    });

    test.each(pairs)("two at a time: %j, %j", async (...pair) => {
      await changed(together(...pair.map(({ step, fault }) => nth(1, (request) => stepOf(request) === step, fault))));
    });

    test.each(someOf(windows))("everything, for %i ms: %j", async (forMs, fault) => {
      await changed(during(forMs, fault));
    });
  });
}

/** A warning or an error names one of the requests that were struck, and what came of it. */
function isTold(lines: readonly LogLine[], struck: readonly Exchange[]): boolean {
  const said = lines.filter(({ level }) => level !== "INFO").map((line) => JSON.stringify(line));
  return struck.some(
    ({ method, path, fault }) => isOrdinary(fault, path) || said.some((line) => line.includes(`${method} ${path}: `)),
  );
}

/** Nothing went wrong: it took its time, or a sidecar is asked once more, as every one is until it answers. */
function isOrdinary(fault: ApiFault | undefined, path: string): boolean {
  return fault?.kind === "slow" || path.endsWith("/proxy/stats");
}
