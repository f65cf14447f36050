import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";

/** For a status with `EgressCut`: a rollout, the 5.5 s that a silent connection has to drain, and as much again. */
export const cutWithinMs = 15_000;
/** For a status that waits for pods to start, on a busy machine. */
export const podsWithinMs = 30_000;

/** The mesh has converged on this value of the switch. */
export function isOn(status: RolloutStatus, egress: boolean): boolean {
  return status.target?.egress === egress && conditionOf(status, "Converged")?.status === "True";
}

/** Off, and every connection cut. */
export function isCut(status: RolloutStatus): boolean {
  return isOn(status, false) && conditionOf(status, "EgressCut")?.status === "True";
}
