import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFull, runSeed, seededRandom, someOf } from "#test/counts.ts";
import { type StepName, stepOf } from "#test/faults/proxy/api-step.ts";
import { type ApiFault, type ApiFaults, during, type Exchange, nth } from "#test/faults/proxy/fault.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
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
/** Of a read that is not answered it makes no difference whether it was carried out, and silence takes 10 s. */
function isTheSame({ step, fault }: Case): boolean {
  return fault.kind === "hang" && fault.when === "after" && /^(read|list|ask)/.test(step);
}
export const apiCases: readonly Case[] = apiFaultKinds
  .flatMap((fault) => steps.map((step): Case => ({ step, fault })))
  .filter((one) => !isTheSame(one));
/** In the gate some, by the run's seed; hanging takes 10 s, and so only in full counts but where it is given up sooner. */
const quick = apiCases.filter(({ step, fault }) => fault.kind !== "hang" || step === "ask");
const random = seededRandom(runSeed);
const some = Array.from({ length: 3 }, () => quick[Math.floor(random() * quick.length)] as Case);
const single = isFull ? apiCases : some;

/** All requests of so long; longer than the tries of one request take. */
const windows: readonly (readonly [number, ApiFault])[] = [
  [2_500, { kind: "answer", status: 429, headers: { "retry-after": "1" } }],
  [2_500, { kind: "reset", when: "before" }],
  [2_500, { kind: "reset", when: "after" }],
];

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

    /** @returns what was struck, and what of it no line tells of */
    async function changed(faults: ApiFaults) {
      const before = await rest(rig);
      const lines = process.log.length;
      rig.proxy.faults = faults;
      const message = new Message("change", await setEgress(rig.admin, !before.egress));
      await message.untilDone(process);
      expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
      expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
      expect(idsIn(process.log.slice(lines))).toEqual([message.id]);
      const struck = struckByApi(rig);
      expect(struck.length).toBeGreaterThan(0);
      return { struck, untold: untoldOf(process.log.slice(lines), struck) };
    }

    test.each(single)("$fault at: $step", async ({ step, fault }) => {
      const { untold } = await changed(nth(1, (request) => stepOf(request) === step, fault));
      expect(untold).toEqual([]);
    });

    test.each(someOf(windows))("everything, for %i ms: %j", async (forMs, fault) => {
      const { struck, untold } = await changed(during(forMs, fault));
      // Of what was struck all at once some are named.
      expect(untold.length).toBeLessThan(struck.length);
    });
  });
}

/** Requests that something was done to, but the meeting of their process. */
export function struckByApi({ proxy }: Rig): readonly Exchange[] {
  return proxy.exchanges.filter(({ fault }) => fault !== undefined && fault.kind !== "meet");
}

/** Of the requests that were struck: those that no warning or error names, with what came of them. */
export function untoldOf(lines: readonly LogLine[], struck: readonly Exchange[]): readonly string[] {
  const said = lines.filter(({ level }) => level !== "INFO").map((line) => JSON.stringify(line));
  return struck
    .filter(({ path, fault }) => !isOrdinary(fault, path))
    .map(({ method, path }) => `${method} ${path}: `)
    .filter((request) => !said.some((line) => line.includes(request)));
}

/** Nothing went wrong: it took its time, or a sidecar is asked once more, as every one is until it answers. */
function isOrdinary(fault: ApiFault | undefined, path: string): boolean {
  return fault?.kind === "slow" || path.endsWith("/proxy/stats");
}
