import { expect, test } from "vitest";
import { killFunctions } from "#test/aws/function-processes.ts";
import { stepOf } from "#test/faults/proxy/api-step.ts";
import { digestsNow } from "#test/faults/proxy/digests-now.ts";
import { type ApiFault, nth } from "#test/faults/proxy/fault.ts";
import { type NamedStep, namedSteps } from "#test/faults/proxy/named-steps.ts";
import { breachesIn, changesIn, takenOfTheDead, writesIn } from "#test/faults/proxy/write-journal.ts";
import { isOn } from "../expect-status.ts";
import { patchEgress } from "../mesh-pods.ts";
import { runningVersions } from "../sidecars.ts";
import type { Stage } from "./struck-forwarder.ts";

export interface StruckFunction {
  readonly how: "killed" | "cut off";
  readonly name: NamedStep[0];
  readonly step: NamedStep[1];
  readonly when: NamedStep[2];
}

/** At every named step. */
export const struckFunctions: readonly StruckFunction[] = namedSteps.flatMap(([name, step, when]) =>
  (["killed", "cut off"] as const).map((how) => ({ how, name, step, when })),
);

export interface StruckOptions {
  /** How many sidecars the mesh has. */
  readonly sidecars: number;
  readonly withinMs: number;
}

/** A function killed, or its connection cut, at a step of a change: its message comes back, and the change is made once. */
export function struckFunctionSuite(
  theStage: () => Stage,
  cases: readonly StruckFunction[],
  { sidecars, withinMs }: StruckOptions,
): void {
  test.each(cases)("a function $how $name: the change arrives, once", async ({ how, step, when }) => {
    const { mesh, proxy, admin } = theStage();
    const { target, history: told = [] } = await mesh.status();
    const egress = target?.egress !== true;
    const before = await digestsNow(admin);
    proxy.exchanges.length = 0;
    let struck = 0;
    const killed: ApiFault = {
      kind: "meet",
      when,
      async meet() {
        struck = await killFunctions(mesh.aws.emulator.pid);
        return "drop";
      },
    };
    const fault: ApiFault = how === "killed" ? killed : { kind: "reset", when };
    proxy.faults = nth(1, (request) => stepOf(request) === step, fault);
    await patchEgress(mesh.cluster, String(egress));
    const reached = await mesh.untilStatus("there", (it) => isOn(it, egress) && it.phase === "Idle", withinMs);
    expect(proxy.exchanges.filter((exchange) => exchange.fault !== undefined).length).toBe(1);
    expect(struck > 0).toBe(how === "killed");
    proxy.faults = () => undefined;

    expect(reached.sidecars).toMatchObject({ total: sidecars, verified: sidecars });
    const versions = [...(await runningVersions(mesh.cluster, sidecars)).values()];
    expect(versions.map((version) => version.split("-")[0])).toEqual(versions.map(() => (egress ? "on" : "off")));
    const ends = reached.history?.map(({ to, outcome }) => [to, outcome]);
    expect(ends?.slice(0, 2)).toEqual([
      [egress, "Converged"],
      [told[0]?.to, told[0]?.outcome],
    ]);
    const writes = writesIn(proxy.exchanges);
    const objects = changesIn(writes, before).map((change) => change.split(" ")[0]);
    expect(objects.toSorted(byText)).toEqual([...before.keys()].toSorted(byText));
    expect(breachesIn(writes, before, takenOfTheDead(writes))).toEqual([]);
  });
}

const byText = (left = "", right = "") => left.localeCompare(right);
