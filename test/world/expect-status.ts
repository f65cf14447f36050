import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";

/** The mesh has converged on this value of the switch. */
export function isOn(status: RolloutStatus, egress: boolean): boolean {
  return status.target?.egress === egress && conditionOf(status, "Converged")?.status === "True";
}

/** Off, and every connection cut. */
export function isCut(status: RolloutStatus): boolean {
  return isOn(status, false) && conditionOf(status, "EgressCut")?.status === "True";
}
