import { describe, expect, test } from "vitest";
import { isFull } from "#test/counts.ts";
import {
  breaches,
  busiestMinute,
  changesOf,
  endOf,
  maxTakeoverMs,
  takeovers,
  unaccounted,
  writesAfterwards,
} from "./laws.ts";
import type { Fault, Step } from "./process.ts";
import { runScenario, scenarios } from "./scenarios.ts";
import type { System } from "./system.ts";

/** Frozen for longer than its message is hidden: who wakes finds that another pass has ended what it had begun. */
const forMs = 100_000;
const faults: readonly (readonly [string, Fault])[] = [
  ["killed before", { kind: "kill", when: "before" }],
  ["frozen after", { kind: "freeze", when: "after", forMs }],
  ["refused", { kind: "refusal" }],
  ["killed after", { kind: "kill", when: "after" }],
  ["frozen before", { kind: "freeze", when: "before", forMs }],
  ["without an answer, not carried out", { kind: "no answer", when: "before" }],
  ["frozen for less than a Lease", { kind: "freeze", when: "before", forMs: 12_000 }],
  ["without an answer, carried out", { kind: "no answer", when: "after" }],
  ["without an answer, carried out late", { kind: "late", byMs: 30_000 }],
];
/** Each step with each fault in a long run; else each with every fifth of them, its neighbours with the others. */
const stride = isFull ? 1 : 5;

/** Calls that three pods, their passes and their forwarder may make in a minute; an undisturbed change makes some 60. */
const maxCallsInAMinute = 400;

/** Everything that must be as it is without the fault, and everything that must not be at all. */
function outcomeOf(system: System, isRace: boolean) {
  const { history, ...end } = endOf(system);
  return {
    end,
    ...(isRace ? {} : { history, changes: changesOf(system) }),
    breaches: breaches(system),
    unaccounted: unaccounted(system),
    slowTakeovers: takeovers(system).filter((ms) => ms > maxTakeoverMs),
    isBusy: busiestMinute(system) > maxCallsInAMinute,
  };
}

/** Told once more than without the fault. */
function toldAgain(plain: System, system: System): readonly string[] {
  const left = plain.journal.of("announced").map(({ detailType }) => detailType);
  return system.journal
    .of("announced")
    .map(({ detailType }) => detailType)
    .filter((type) => {
      const at = left.indexOf(type);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
}

const named = ({ index, process, verb, object }: Step) => `step ${index}: ${process} ${verb} ${object}`.trim();

describe.each(scenarios)("$name", { timeout: 600_000 }, (scenario) => {
  const isRace = scenario.isRace === true;

  test("whatever befalls whichever step, the end is the one without it, and nothing was done twice", async () => {
    const plain = await runScenario(scenario);
    const wanted = outcomeOf(plain, isRace);
    expect(wanted).toMatchObject({ breaches: [], unaccounted: [], slowTakeovers: [], isBusy: false });
    expect(plain.steps.length).toBeGreaterThan(2);
    expect(endOf(plain)).toMatchObject({ runs: 1, lagging: [], waiting: 0, phase: "Idle", holder: "" });
    expect(endOf(plain).reality.filter((line) => !line.endsWith(` ${scenario.to}`))).toEqual([]);
    for (const step of plain.steps) {
      for (let at = step.index % stride; at < faults.length; at += stride) {
        const [name, fault] = faults[at] ?? [];
        const system = await runScenario(scenario, step.index, fault);
        const what = `${name} ${named(step)}`;
        expect({ what, ...outcomeOf(system, isRace) }).toEqual({ what, ...wanted });
        const again = isRace || fault?.kind === "late" || fault?.kind === "no answer" ? [] : toldAgain(plain, system);
        expect({ what, again }).toEqual({ what, again: [] });
        const hasWoken = fault?.kind === "freeze" || fault?.kind === "late";
        const hasNotes = hasWoken || step.verb === "poke" || scenario.startsPods === true;
        expect({ what, more: await writesAfterwards(system, hasNotes) }).toEqual({ what, more: [] });
      }
    }
  });
});

test("every verb of every port is a step of some scenario", async () => {
  const verbs = new Set<string>();
  for (const scenario of scenarios) {
    for (const { verb } of (await runScenario(scenario)).steps) verbs.add(verb);
  }
  expect([...verbs].sort()).toEqual(
    [
      ...["PutEvents", "hide", "connect", "sendAgain", "deadLetter", "delete"],
      ...["glance", "readMesh", "readPods", "survey"],
      ...["takeLease", "markLease", "renewLease", "releaseLease", "leaseNumber"],
      ...["applyConfigMap", "deleteConfigMap", "applyInjection", "poke", "ask", "writeStatus", "recordEvent"],
    ].sort(),
  );
});
