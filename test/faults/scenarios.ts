import type { ScriptedCluster } from "../scripted/cluster.ts";
import { meshAtRest } from "../scripted/mesh.ts";
import { runPass } from "../scripted/pass.ts";
import { deployed } from "./deployed.ts";
import type { Fault, Faults } from "./process.ts";
import { System, type SystemOptions } from "./system.ts";

export const on = { egress: "true", permissive_traffic_policy_mode: "true" };
export const off = { egress: "false", permissive_traffic_policy_mode: "true" };

export interface Scenario {
  readonly name: string;
  readonly from: "on" | "off";
  /** Where it must have come in the end. */
  readonly to: "on" | "off";
  /** Before anything counts. */
  readonly arrange?: (cluster: ScriptedCluster) => void | Promise<void>;
  readonly change: (system: System) => void;
  /** By verb: how long its first call takes, in ms. */
  readonly slow?: Readonly<Record<string, number>>;
  /** It starts a pod: sidecars that have just started are noted as verified once more, since their start is known in whole seconds. */
  readonly startsPods?: true;
  /** Nobody but the schedule tells of it: what it misses is for its next turn. */
  readonly bySchedule?: true;
  /** How the end is come to, by which values and bytes, depends on who is how fast. */
  readonly isRace?: true;
}

/** A second namespace, converged like the first. */
async function withBank(cluster: ScriptedCluster): Promise<void> {
  cluster.addAccount("bank", "till");
  await runPass(cluster);
  cluster.addPod("bank", "till-1", "till");
  await cluster.clock.pass(5_000);
  await runPass(cluster);
  await cluster.clock.pass(60_000);
}

function removeBank(system: System): void {
  const { cluster, clock } = system;
  cluster.namespaces.set("bank", "terminating");
  cluster.pod("bank/till-1").terminating = true;
  system.tell("Namespace", "bank");
  system.tell("Pod", "till-1");
  clock.after(1_500, () => {
    cluster.pods.delete("bank/till-1");
    cluster.configMaps.delete("bank/osm-sidecar.till");
    system.tell("Pod", "till-1", "deleted");
  });
  clock.after(2_500, () => {
    cluster.namespaces.delete("bank");
    cluster.accounts = cluster.accounts.filter(({ namespace }) => namespace !== "bank");
    system.tell("Namespace", "bank", "deleted");
  });
}

export const scenarios: readonly Scenario[] = [
  { name: "off to on", from: "off", to: "on", change: (system) => system.setOsmConfig(on) },
  { name: "on to off", from: "on", to: "off", change: (system) => system.setOsmConfig(off) },
  {
    name: "on and off again at once",
    from: "off",
    to: "off",
    isRace: true,
    slow: { readPods: 300 },
    change(system) {
      system.setOsmConfig(on);
      system.clock.after(40, () => system.setOsmConfig(off));
    },
  },
  {
    name: "a new account with its pod",
    startsPods: true,
    from: "on",
    to: "on",
    change(system) {
      system.cluster.addAccount("shop", "cart");
      system.tell("ServiceAccount", "cart", "added");
      system.clock.after(100, () => system.addPod("shop", "cart-1", "cart"));
    },
  },
  {
    name: "a ConfigMap altered by hand",
    from: "off",
    to: "off",
    // What it is written back under first is the pass's own.
    isRace: true,
    bySchedule: true,
    change(system) {
      system.cluster.alter("shop/osm-sidecar.web", "kubectl-edit", {
        files: { "lds.json": `{"version_info":"mine","resources":[]}` },
      });
      system.checkDrift();
    },
  },
  {
    name: "a drift check with nothing to find",
    from: "off",
    to: "off",
    bySchedule: true,
    change: (system) => system.checkDrift(),
  },
  {
    name: "a value that is no boolean",
    from: "on",
    to: "on",
    change: (system) => system.setOsmConfig({ ...on, egress: "ture" }),
  },
  { name: "a namespace removed", from: "off", to: "off", arrange: withBank, change: removeBank },
  {
    name: "another setting, for new pods only",
    from: "off",
    to: "off",
    change: (system) => system.setOsmConfig({ ...off, envoy_log_level: "debug" }),
  },
  {
    name: "the Lease deleted",
    bySchedule: true,
    from: "on",
    to: "on",
    change(system) {
      system.cluster.lease = undefined;
      system.checkDrift();
    },
  },
  {
    name: "an account that is left over",
    bySchedule: true,
    from: "off",
    to: "off",
    async arrange(cluster) {
      await withBank(cluster);
      await cluster.clock.pass(120_000);
    },
    change(system) {
      system.cluster.pods.delete("bank/till-1");
      system.cluster.namespaces.set("bank", "unlabelled");
      system.checkDrift();
    },
  },
  {
    name: "an API server that is slow to read from",
    from: "off",
    to: "on",
    change: (system) => system.setOsmConfig(on),
    slow: { readMesh: 7_000 },
  },
  {
    name: "an API server so slow that the time runs out",
    from: "off",
    to: "on",
    change: (system) => system.setOsmConfig(on),
    slow: { readPods: 57_000 },
  },
  { name: "an event that is none", from: "off", to: "off", change: (system) => system.bus.deliver(`{"source":"me"}`) },
];

/** One fault at most, at one step; the scenario's own slowness besides. */
export function faultsOf({ slow = {} }: Scenario, at = -1, fault?: Fault): Faults {
  const called = new Set<string>();
  return ({ index, verb }) => {
    const isFirst = !called.has(verb);
    called.add(verb);
    if (index === at) return fault;
    const byMs = slow[verb];
    return isFirst && byMs !== undefined ? { kind: "delay", byMs } : undefined;
  };
}

/** The scenario from its change to its end. @param at  the index of the step that the fault befalls */
export async function runScenario(scenario: Scenario, at?: number, fault?: Fault): Promise<System> {
  const system = await atRest(scenario);
  system.faults = faultsOf(scenario, at, fault);
  scenario.change(system);
  await system.settle();
  if (scenario.bySchedule) await checkAgain(system);
  // A sidecar whose answer is lost is silent until somebody asks it again.
  if (system.steps.some(({ index, verb }) => index === at && verb === "ask")) await checkAgain(system);
  // What is carried out late, or frozen without anybody waiting for it.
  await system.clock.pass(120_000);
  await system.settle();
  return system;
}

async function checkAgain(system: System): Promise<void> {
  await system.clock.pass(deployed.scheduleMs);
  system.checkDrift();
  await system.settle();
}

/** The system at rest, its forwarder's first event done with; the scenario has not begun. */
export async function atRest(scenario: Scenario, options: SystemOptions = {}): Promise<System> {
  const cluster = await meshAtRest(scenario.from);
  await scenario.arrange?.(cluster);
  const system = new System(cluster, options);
  await system.settle();
  system.mark();
  return system;
}
