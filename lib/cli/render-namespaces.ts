import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterPorts } from "../kube/cluster-ports.ts";
import type { KubeConnection } from "../kube/connection.ts";
import type { MeshPlace } from "../mesh/names.ts";
import { heldByAnother, writeUnderLease } from "../reconcile/lease-section.ts";
import type { PassContext } from "../reconcile/pass.ts";
import { configWrites, isEmpty } from "../rollout/config-writes.ts";
import { wantedMesh } from "../rollout/wanted.ts";
import { CommandError } from "./failure.ts";

/** Longer than a dead holder keeps the Lease. */
const renderTimeoutMs = 45_000;
const leaseWaitMs = 300;

/**
 * Writes the sidecar ConfigMaps of namespaces that are about to join the mesh, so that their first pods need not wait.
 * It is a pass's own writing, under the Lease, that takes these namespaces for members already.
 *
 * @param connection  acting as the reconcilers' group
 * @returns           how many accounts they have
 */
export async function renderNamespaces(
  connection: KubeConnection,
  place: MeshPlace,
  namespaces: readonly string[],
): Promise<number> {
  const passId = randomUUID();
  const ports = clusterPorts(connection, place, passId, namespaces);
  const deadline = Date.now() + renderTimeoutMs;
  while (Date.now() < deadline) {
    const seen = await ports.readMesh();
    const count = seen.accounts.filter((account) => namespaces.includes(account.namespace)).length;
    if (isEmpty(configWrites(seen, wantedMesh(seen)))) return count;
    if (seen.lease && heldByAnother(seen.lease)) {
      await sleep(leaseWaitMs);
      continue;
    }
    const written = await writeUnderLease(ports, quietContext(passId, deadline), seen, { suspects: new Set() });
    if (written === "again") continue;
    if (written.refusal) throw written.refusal;
    return count;
  }
  throw new CommandError(
    `the Lease ${place.osmNamespace}/osm-reconciler was not free within ${renderTimeoutMs / 1_000} s`,
    `see who holds it: kubectl get lease -n ${place.osmNamespace} osm-reconciler -o yaml`,
  );
}

/** Nobody is told: the label that follows wakes whoever reconciles, and that pass reports. */
function quietContext(passId: string, deadlineMs: number): PassContext {
  const nothing = () => undefined;
  return {
    passId,
    kind: "hint",
    hint: { source: "osm.cli", correlationId: passId },
    msLeft: () => deadlineMs - Date.now(),
    publish: async () => undefined,
    log: { info: nothing, warn: nothing, error: nothing },
  };
}
