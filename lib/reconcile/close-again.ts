import type { LeaseInHand } from "./lease-in-hand.ts";
import type { PassLog, PassOutcome } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";
import { reconcileCluster } from "./reconcile-cluster.ts";

const budgetMs = 60_000;

/**
 * Brings every sidecar back to what osm-config says, after `openAll` has begun and what it was for has failed.
 *
 * The Lease of the opening is not released before: a pass that finds it so, or whoever comes after this process has died,
 * writes everything anew, also where `spec.drift` is `detect`. One that finds it released would take the open bytes for
 * somebody's alteration, and might leave them.
 *
 * @param lease  of the opening; it may be lost, and then its holder has done this already
 * @throws       EgressError as a pass does
 */
export function closeAgain(ports: ClusterPorts, lease: LeaseInHand, log: PassLog): Promise<PassOutcome> {
  const endMs = ports.nowMs() + budgetMs;
  const glance: ClusterPorts["glance"] = async () => {
    const seen = await ports.glance();
    // Nobody holds it any more but who runs this, and there is no need to wait until that is so for everybody.
    if (seen.lease?.transitions !== lease.number) return seen;
    return { ...seen, lease: { ...seen.lease, expired: true } };
  };
  return reconcileCluster(
    { ...ports, glance },
    {
      passId: "uninstall",
      kind: "hint",
      correct: true,
      hint: { source: "osm.cli", correlationId: "uninstall" },
      msLeft: () => endMs - ports.nowMs(),
      publish: async (event) => log.info(event.detailType, event.detail),
      log,
    },
  );
}
