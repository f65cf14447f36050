import { randomUUID } from "node:crypto";
import { clusterPorts } from "#lib/kube/cluster-ports.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";
import { reconcileCluster } from "#lib/reconcile/reconcile-cluster.ts";
import type { BenchMesh } from "./bench-mesh.ts";

/** As long as the function has; a mesh of ten thousand goes on after it, as there, with the next pass. */
const passMs = 60_000;
const maxPasses = 12;

const loadGuards = () => import("#deploy/guards.ts");

/** The function's pass, in this process: no forwarder, bus, queue or function. @returns the last one's outcome */
export async function reconcileAlone({ reconciler }: BenchMesh, kind: "hint" | "drift" = "hint"): Promise<PassOutcome> {
  for (let passes = 1; ; passes++) {
    const outcome = await onePass();
    if (outcome.kind === "settled") return outcome;
    if (outcome.kind !== "out-of-time" || passes === maxPasses) {
      throw new Error(`pass ended ${outcome.kind}, not settled`);
    }
  }

  function onePass(): Promise<PassOutcome> {
    const passId = randomUUID();
    const endMs = Date.now() + passMs;
    const nothing = () => undefined;
    return reconcileCluster(clusterPorts(reconciler, meshPlace, passId, { loadGuards }), {
      passId,
      kind,
      hint: { source: "bench", correlationId: passId },
      msLeft: () => endMs - Date.now(),
      publish: async () => undefined,
      log: { info: nothing, warn: nothing, error: nothing },
    });
  }
}
