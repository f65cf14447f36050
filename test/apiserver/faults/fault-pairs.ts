import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFull, runSeed, seededRandom } from "#test/counts.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { type ApiFaults, type Meet, nth, together } from "#test/faults/proxy/fault.ts";
import { namedSteps } from "#test/faults/proxy/named-steps.ts";
import { apiCases, struckByApi, untoldOf } from "./api-faults.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import type { AwsFault, AwsFaults } from "./aws-fault.ts";
import { armed, awsCases, tells } from "./aws-faults.ts";
import type { LogLine } from "./child.ts";
import type { FunctionProcess } from "./function-process.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { secretsIn } from "./secrets.ts";
import { setEgress } from "./small-mesh.ts";

/** One thing that goes wrong on the way of a change. */
interface Trouble {
  readonly name: string;
  readonly api?: (rig: Rig, process: FunctionProcess) => ApiFaults;
  readonly aws?: () => AwsFaults;
  /** A line tells of what AWS did. */
  readonly isTold?: (line: LogLine) => boolean;
  /** What AWS does. */
  readonly awsFault?: AwsFault;
  readonly clockAheadMs?: number;
  /** The message comes once more when it is done with. */
  readonly isRepeated?: boolean;
  /** Takes longer than the gate has. */
  readonly isSlow?: boolean;
}

const minuteMs = 60_000;

const atApi: readonly Trouble[] = apiCases.map(({ step, fault }) => ({
  name: `${JSON.stringify(fault)} at: ${step}`,
  api: () => nth(1, (request) => stepOf(request) === step, fault),
  isSlow: fault.kind === "hang" && step !== "ask",
}));
const atAws: readonly Trouble[] = awsCases.map((one) => ({
  name: `${one.name}: ${JSON.stringify(one.fault)}`,
  aws: () => armed(one),
  isTold: (line) => tells(line, one),
  awsFault: one.fault,
  isSlow: one.fault.kind === "hang",
}));
const atProcess: readonly Trouble[] = namedSteps.map(([name, step, when]) => ({
  name: `killed ${name}`,
  api: (_rig, process) => ofProcess(process, step, when, () => process.kill(), "drop"),
}));
const others: readonly Trouble[] = [
  {
    name: "the token expires at the first write",
    api: (rig, process) => ofProcess(process, "write ConfigMap", "before", async () => rig.expireTokens(), "go on"),
  },
  { name: "the clock ten minutes ahead", clockAheadMs: 10 * minuteMs },
  { name: "the clock ten minutes behind", clockAheadMs: -10 * minuteMs },
  { name: "delivered once more", isRepeated: true },
];

function ofProcess(
  process: FunctionProcess,
  step: string,
  when: "before" | "after",
  act: () => Promise<void>,
  then: Awaited<ReturnType<Meet>>,
): ApiFaults {
  const meet: Meet = async () => {
    await act();
    return then;
  };
  return nth(1, (request) => request.identity === process.name && stepOf(request) === step, {
    kind: "meet",
    when,
    meet,
  });
}

/** By kind first, or there would be little but faults of the API server. */
const kinds = [atApi, atAws, atProcess, others].map((kind) => kind.filter(({ isSlow }) => isFull || !isSlow));
const random = seededRandom(runSeed);
const anyOf = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)] as T;
const pairs = Array.from({ length: isFull ? 36 : 2 }, () => [anyOf(anyOf(kinds)), anyOf(anyOf(kinds))] as const);

const leaseSeconds = 1;
/** The API server's clock is told in whole seconds. */
const expiredMs = (leaseSeconds + 1) * 1_000;

/** Two things at a time: what the API server, AWS, the process, its credentials and clock, and the queue may do. */
export function faultPairs(of: () => Rig): void {
  describe("a change arrives, once, though two things go wrong", () => {
    let rig: Rig;
    let rescuer: FunctionProcess;
    beforeAll(async () => {
      rig = of();
      rig.leaseSeconds = leaseSeconds;
      rescuer = await rig.startFunction("rescuer");
    });
    afterAll(() => rescuer?.kill());

    test.each(pairs.map(([one, other]) => [one.name, other.name, [one, other]] as const))(
      "%s, and: %s",
      async (_one, _other, pair) => {
        const before = await rest(rig);
        const saidBefore = rescuer.log.length;
        const clockAheadMs = pair.find((trouble) => trouble.clockAheadMs !== undefined)?.clockAheadMs;
        const first = await rig.startFunction("first", clockAheadMs);
        try {
          rig.proxy.faults = together(...pair.flatMap(({ api }) => api?.(rig, first) ?? []));
          const awsFaults = pair.flatMap(({ aws }) => aws?.() ?? []);
          rig.aws.faults = (call) => awsFaults.map((faults) => faults(call)).find((fault) => fault !== undefined);
          const message = new Message("change", await setEgress(rig.admin, !before.egress));
          const isKilled = (await deliver(message, first)) === "killed";
          if (pair.some(({ isRepeated }) => isRepeated)) await message.untilDone(rescuer, 1_000);

          expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
          expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
          const lines = [...first.log, ...rescuer.log.slice(saidBefore)];
          expect(idsIn(lines)).toEqual([message.id]);
          expect([...secretsIn(first), ...secretsIn(rescuer)]).toEqual([]);
          // What a killed process would have said nobody can know, and what ends a pass hides what else befell it.
          const befell = new Set(rig.aws.calls.map(({ fault }) => fault));
          const ofAws = pair.filter(({ awsFault }) => awsFault !== undefined && befell.has(awsFault));
          const silent = ofAws.filter(({ isTold }) => isTold !== undefined && !lines.some(isTold));
          const troubles = untoldOf([], struckByApi(rig)).length + ofAws.length;
          const untold = [...untoldOf(lines, struckByApi(rig)), ...silent.map(({ name }) => name)];
          expect(isKilled || untold.length === 0 || untold.length < troubles).toBe(true);
        } finally {
          await first.kill();
        }
      },
    );

    /** Until it is done with, by the rescuer where the first is killed. */
    async function deliver(message: Message, first: FunctionProcess): Promise<"done" | "killed"> {
      for (;;) {
        const how = await message.deliverTo(first);
        if (how === "done") return how;
        if (how === "killed") break;
        // A signature has the time in whole seconds.
        await sleep(1_000);
      }
      await sleep(expiredMs);
      await message.untilDone(rescuer, 1_000);
      return "killed";
    }
  });
}
