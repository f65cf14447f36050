import { numberToExceed } from "#lib/rollout/config-writes.ts";
import { seededRandom } from "#test/counts.ts";
import { meshAtRest } from "../scripted/mesh.ts";
import { deployed } from "./deployed.ts";
import type { Fault, Faults, Step } from "./process.ts";
import { off, on } from "./scenarios.ts";
import { System } from "./system.ts";

/** What people and the world do to the mesh, besides what befalls the processes. */
const deeds = {
  "switch on": (system: System) => system.setOsmConfig(on),
  "switch off": (system: System) => system.setOsmConfig(off),
  "write a bad value": (system: System) => system.setOsmConfig({ ...on, egress: "ture" }),
  "delete osm-config": (system: System) => system.setOsmConfig(undefined),
  "delete the Lease": ({ cluster }: System) => {
    const known = [...cluster.configMaps.values()].map(({ fencing }) => fencing).concat(cluster.status.fencing ?? 0);
    // A second one, where the status is lost as well and nothing is written, is more than the numbers provide for.
    if ((cluster.lease?.transitions ?? 0) - Math.max(...known) < 1_000) cluster.lease = undefined;
  },
  "let a dead holder have the Lease": ({ cluster, clock }: System) => {
    const transitions = numberToExceed(cluster.observe()) + 1;
    // Before a Lease is made its number is noted.
    if (cluster.lease === undefined && cluster.rollout)
      cluster.rollout.status = { ...cluster.status, fencing: transitions };
    const resourceVersion = cluster.nextVersion();
    cluster.lease = { resourceVersion, holder: "dead", transitions, renewedAtMs: clock.nowMs(), marked: false };
  },
  "lose the status": ({ cluster }: System) => void (cluster.rollout = undefined),
  "restart a sidecar": ({ cluster }: System) => cluster.pod("shop/web-1").start(),
  "stop a sidecar for 20 s": ({ cluster, clock }: System) => {
    const pod = cluster.pod("shop/db-1");
    pod.stopped = true;
    clock.after(20_000, () => pod.goOn());
  },
  "miss a poke": ({ cluster }: System) => void cluster.pod("shop/web-2").missedPokes++,
  "send poison": (system: System) => system.bus.deliver(`{"source":"osm.forwarder","detail":{"metadata":3}}`),
  "send garbage": (system: System) => system.bus.deliver("\u0000not JSON"),
} as const;
export type Deed = keyof typeof deeds;
export const allDeeds = Object.keys(deeds) as readonly Deed[];

export interface Plan {
  readonly seed: number;
  /** In order; each so many ms after the one before. */
  readonly deeds: readonly { readonly deed: Deed; readonly afterMs: number }[];
  /** Of the steps: how many are struck. */
  readonly faultShare: number;
  readonly last: "on" | "off";
  /** Without it nothing but the events and the queue brings a change. */
  readonly hasSchedule: boolean;
}

function randomFault(next: () => number): Fault {
  const when = next() < 0.5 ? "before" : "after";
  const kinds: readonly Fault[] = [
    { kind: "kill", when },
    { kind: "freeze", when, forMs: Math.round(next() * 130_000) },
    { kind: "refusal" },
    { kind: "no answer", when },
    { kind: "late", byMs: Math.round(next() * 60_000) },
    { kind: "delay", byMs: Math.round(next() * 9_000) },
  ];
  return kinds[Math.floor(next() * kinds.length)] ?? { kind: "refusal" };
}

export interface Run {
  readonly system: System;
  readonly struck: readonly { readonly step: Step; readonly fault: Fault }[];
}

/** The whole system through all of the plan, and then without faults to its end: one drift interval, and until it rests. */
export async function randomRun(plan: Plan): Promise<Run> {
  const next = seededRandom(plan.seed);
  const struck: { readonly step: Step; readonly fault: Fault }[] = [];
  const system = new System(await meshAtRest(), {
    hasSchedule: plan.hasSchedule,
    // At least once, and in any order.
    arrivals: () => (next() < 0.1 ? [next() * 40_000, next() * 2_000] : [next() * 300]),
    queue: { pick: (count) => Math.floor(next() * count), concurrency: 2 + Math.floor(next() * 9) },
  });
  const faults: Faults = (step) => {
    if (next() >= plan.faultShare) return undefined;
    const fault = randomFault(next);
    struck.push({ step, fault });
    return fault;
  };
  await system.settle();
  system.mark();
  system.faults = faults;
  for (const { deed, afterMs } of plan.deeds) {
    await system.clock.pass(afterMs);
    deeds[deed](system);
  }
  system.setOsmConfig(plan.last === "on" ? on : off);
  await system.clock.pass(60_000);
  system.faults = () => undefined;
  // What is frozen or late comes to its end, and the schedule to its turn.
  await system.clock.pass(130_000 + (plan.hasSchedule ? deployed.scheduleMs : 0));
  await system.settle();
  system.endSchedule();
  return { system, struck };
}
