import { describe, expect, test } from "vitest";
import type { ConfigWritten } from "./journal.ts";
import { breaches, endOf, writesAfterwards } from "./laws.ts";
import type { Fault } from "./process.ts";
import { atRest, off, on, runScenario, type Scenario } from "./scenarios.ts";
import type { System } from "./system.ts";

const toOn: Scenario = { name: "off to on", from: "off", to: "on", change: (system) => system.setOsmConfig(on) };
/** Asleep until the successor, called by the second change, has long finished. */
const asleep: Fault = { kind: "freeze", when: "before", forMs: 100_000 };
const secondChangeMs = 30_000;

/** The pass is frozen at this step, and while it is, egress is switched off again; then it wakes. */
async function wokenAt(scenario: Scenario, at: number, befall: (system: System) => void) {
  const system = await atRest(scenario);
  system.faults = ({ index }) => (index === at ? asleep : undefined);
  scenario.change(system);
  system.clock.after(secondChangeMs - 5_000, () => befall(system));
  const changedMs = system.clock.nowMs() + secondChangeMs;
  system.clock.after(secondChangeMs, () => system.setOsmConfig(off));
  await system.settle();
  await system.clock.pass(120_000);
  await system.settle();
  return { system, changedMs };
}

/** Writes since the second change, as far as they bring what it has ended, to a ConfigMap that had its successor's number. */
function staleWrites({ journal }: System, sinceMs: number): readonly ConfigWritten[] {
  const written = journal.of("config written").filter(({ atMs }) => atMs >= sinceMs);
  return written.filter(
    ({ object, egress }, at) => egress && written.slice(0, at).some((one) => one.object === object && !one.egress),
  );
}

const between: readonly (readonly [string, (system: System) => void])[] = [
  ["when its Lease has expired and its successor has finished", () => undefined],
  ["when its Lease was deleted and its successor has finished", ({ cluster }) => void (cluster.lease = undefined)],
];

describe.each(between)("a holder that wakes %s", (_, befall) => {
  test("at whichever step: none of its writes is taken", { timeout: 120_000 }, async () => {
    const plain = await runScenario(toOn);
    const first = plain.steps.findIndex(({ verb }) => verb === "takeLease");
    const holder = plain.steps[first]?.process ?? "";
    let refused = 0;
    let restampedOnly = 0;
    for (const { index } of plain.steps.filter((step) => step.index >= first && step.process === holder)) {
      const { system, changedMs } = await wokenAt(toOn, index, befall);
      const what = `woken at step ${index}`;
      expect({ what, ...found(system, changedMs) }).toEqual({ what, ...right });
      expect({ what, more: await writesAfterwards(system, true) }).toEqual({ what, more: [] });
      refused += system.journal.of("config refused").filter(({ pass }) => pass === holder).length;
      const others = system.journal.of("config written").filter(({ atMs }) => atMs >= changedMs);
      if (others.length > 0 && others.every(({ isChange }) => !isChange)) restampedOnly++;
    }
    // It was tried: writes came, and were refused, also where the successor had nothing to write but its number.
    expect(refused).toBeGreaterThan(0);
    expect(restampedOnly).toBeGreaterThan(0);
  });
});

test("a holder that was about to replace an immutable ConfigMap wakes: what its successor has put there stays", async () => {
  const altered: Scenario = {
    ...toOn,
    change(system) {
      system.cluster.alter("shop/osm-sidecar.web", "kubectl-patch", { immutable: true });
      system.setOsmConfig(on);
    },
  };
  const plain = await runScenario(altered);
  const at = plain.steps.findIndex(
    ({ verb, object }) => verb === "applyConfigMap" && object === "shop/osm-sidecar.web",
  );
  const { system, changedMs } = await wokenAt(altered, at, () => undefined);
  expect(found(system, changedMs)).toEqual(right);
});

const right = { stale: [], breaches: [], reality: ["shop/db-1 off", "shop/web-1 off", "shop/web-2 off"] };

function found(system: System, changedMs: number) {
  return { stale: staleWrites(system, changedMs), breaches: breaches(system), reality: endOf(system).reality };
}
