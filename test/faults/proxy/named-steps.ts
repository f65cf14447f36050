import type { StepName } from "./api-step.ts";

export type NamedStep = readonly [name: string, step: StepName, when: "before" | "after"];

/** Where a pass that ends leaves the most behind. */
export const namedSteps: readonly NamedStep[] = [
  ["after taking the Lease", "take Lease", "after"],
  ["after its first write", "write ConfigMap", "after"],
  ["between write and poke", "poke", "before"],
  ["between poke and ask", "ask", "before"],
  ["before the status", "write status", "before"],
];
