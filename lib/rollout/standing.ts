import { conditionOf, type RolloutStatus } from "./status.ts";
import type { Wanted } from "./wanted.ts";

type WantedTarget = Pick<Wanted, "target">;

/** Somebody has found what is wanted to run everywhere, and nobody has taken it back. */
export function stands(status: RolloutStatus, { target }: WantedTarget): boolean {
  return (
    status.target?.digest === target.digest &&
    status.target.egress === target.egress &&
    conditionOf(status, "Converged")?.status === "True"
  );
}

/** Since when it stands; undefined where it does not. */
export function standsSinceMs(status: RolloutStatus, wanted: WantedTarget): number | undefined {
  return stands(status, wanted) ? Date.parse(status.convergedAt ?? "") : undefined;
}

/** An earlier pass has verified this target everywhere; only then is the annotation on a pod taken for an answer. */
export function isVerified(status: RolloutStatus, wanted: WantedTarget): boolean {
  if (!stands(status, wanted) || conditionOf(status, "Converged")?.reason !== "AllVerified") return false;
  if (status.sidecars?.verified !== status.sidecars?.total) return false;
  return wanted.target.egress || conditionOf(status, "EgressCut")?.status === "True";
}
