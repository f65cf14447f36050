import { beforeAll, describe, expect, test } from "vitest";
import { isFull, runSeed, seededRandom } from "#test/counts.ts";
import { endOf, idsIn, rest, wantedEnd, wantedWay, wayOf } from "./at-rest.ts";
import { type AwsCallName, type AwsFault, type AwsFaults, errorsOf, first, sdkTries } from "./aws-fault.ts";
import type { LogLine } from "./child.ts";
import { Message } from "./message.ts";
import type { Rig } from "./rig.ts";
import { secretsIn } from "./secrets.ts";
import { setEgress } from "./small-mesh.ts";

/** What a change calls AWS for. */
const calls = ["DescribeCluster", "ChangeMessageVisibility", "PutEvents"] as const;

export interface AwsCase {
  readonly name: AwsCallName;
  readonly fault: AwsFault;
}

const connectionFaults: readonly AwsFault[] = [
  { kind: "reset", when: "before" },
  { kind: "reset", when: "after" },
  { kind: "hang", when: "before" },
  { kind: "hang", when: "after" },
];
const entryFaults: readonly AwsFault[] = ["InternalFailure", "ThrottlingException"].map((code) => ({
  kind: "entries",
  failed: [0],
  code,
}));

/** Everything that may befall a call. */
export function awsCasesOf(name: AwsCallName): readonly AwsCase[] {
  const ofEntries = name === "PutEvents" ? entryFaults : [];
  return [...errorsOf(name), ...connectionFaults, ...ofEntries].map((fault) => ({ name, fault }));
}
export const awsCases: readonly AwsCase[] = calls.flatMap(awsCasesOf);

/** In the gate one of each call, by the run's seed; a call that hangs takes 5 s, thrice, and so only in full counts. */
const random = seededRandom(runSeed);
const some = calls.map((call) => {
  const quick = awsCases.filter(({ name, fault }) => name === call && fault.kind !== "hang");
  return quick[Math.floor(random() * quick.length)] as AwsCase;
});

/** Every try of one call of that name. */
export function armed({ name, fault }: AwsCase): AwsFaults {
  return first(triesOf(fault), name, fault);
}

/** All the tries of one call: the SDK's own, or of lib/aws/event-bus.ts those of entries that were not taken. */
const triesOf = ({ kind }: AwsFault) => (kind === "entries" ? 5 : sdkTries);

/** One change of the switch while AWS refuses a call of it, or leaves it without an answer, as often as the SDK tries. */
export function awsFaults(of: () => Rig): void {
  describe("a change arrives, once, though AWS", () => {
    let rig: Rig;
    beforeAll(() => {
      rig = of();
      rig.leaseSeconds = 20;
    });

    test.each(isFull ? awsCases : some)("$name: $fault", async ({ name, fault }) => {
      const before = await rest(rig);
      // A warm one has looked its cluster up already.
      const process = await rig.startFunction("reconcile");
      try {
        rig.aws.faults = armed({ name, fault });
        const message = new Message("change", await setEgress(rig.admin, !before.egress));
        await message.untilDone(process);
        expect(await endOf(rig)).toEqual(wantedEnd(!before.egress));
        expect(wayOf(rig, before)).toEqual(wantedWay(!before.egress));
        const struck = rig.aws.calls.filter((call) => call.fault !== undefined);
        expect(struck.map((call) => call.name)).toEqual(Array.from({ length: triesOf(fault) }, () => name));
        expect(idsIn(process.log)).toEqual([message.id]);
        expect(process.log.filter((line) => tells(line, { name, fault }))).not.toEqual([]);
        expect(announcedAgain(rig, fault)).toEqual([]);
        expect(secretsIn(process)).toEqual([]);
      } finally {
        await process.kill();
      }
    });
  });
}

/** A warning or an error names the call, and what came of it. */
export function tells(line: LogLine, { name, fault }: AwsCase): boolean {
  const said = JSON.stringify(line);
  return line.level !== "INFO" && said.includes(name) && said.includes(sign(fault));
}

function sign(fault: AwsFault): string {
  if (fault.kind === "error" || fault.kind === "entries") return fault.code;
  return fault.kind === "reset" ? "ECONNRESET" : "TimeoutError";
}

/** Result events that came twice, but where the bus took one and gave no answer. */
function announcedAgain({ aws }: Rig, fault: AwsFault): readonly string[] {
  if (fault.kind !== "error" && fault.kind !== "entries" && "when" in fault && fault.when === "after") return [];
  const types = aws.events.filter(({ source }) => source === "osm.reconciler").map(({ detailType }) => detailType);
  return types.filter((type, at) => types.indexOf(type) !== at);
}
