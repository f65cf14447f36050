import { randomUUID } from "node:crypto";
import { clusterPorts } from "../kube/cluster-ports.ts";
import type { KubeConnection } from "../kube/connection.ts";
import type { MeshPlace } from "../mesh/names.ts";
import { sidecarConfigName } from "../mesh/sidecar-config-name.ts";
import { heldByAnother } from "../reconcile/holder.ts";
import type { ClusterPorts } from "../reconcile/ports.ts";
import { reconcileCluster } from "../reconcile/reconcile-cluster.ts";
import { type Account, accountKey } from "../rollout/observation.ts";
import { CommandError } from "./failure.ts";
import { troubleLog } from "./json-log.ts";

/** Longer than a dead holder keeps the Lease and a silent sidecar is waited for. */
const renderTimeoutMs = 60_000;
const leaseWaitMs = 300;

/**
 * Writes the sidecar ConfigMaps of namespaces that are about to join the mesh, so that their first pods need not wait: an
 * ordinary pass that takes these namespaces for members already. Whatever else it finds to write, it verifies.
 *
 * @param connection  acting as the reconcilers' group
 * @returns           how many accounts they have
 */
export function renderNamespaces(
  connection: KubeConnection,
  place: MeshPlace,
  namespaces: readonly string[],
): Promise<number> {
  const passId = randomUUID();
  const ports = clusterPorts(connection, place, passId, { alsoInMesh: namespaces });
  return renderOver(ports, passId, namespaces, place.osmNamespace);
}

/** @param ports  that take the namespaces for members already */
export async function renderOver(
  ports: ClusterPorts,
  passId: string,
  namespaces: readonly string[],
  osmNamespace: string,
): Promise<number> {
  const deadline = ports.nowMs() + renderTimeoutMs;
  // Standard output is the command's own; here only trouble is told.
  const log = troubleLog();
  while (ports.nowMs() < deadline) {
    const { lease } = await ports.glance();
    if (lease && heldByAnother(lease)) {
      await ports.sleep(leaseWaitMs);
      continue;
    }
    const outcome = await reconcileCluster(ports, {
      passId,
      kind: "hint",
      hint: { source: "osm.cli", correlationId: passId },
      msLeft: () => deadline - ports.nowMs(),
      // Nobody but the person at the terminal listens, who sees the command's own words.
      publish: async () => undefined,
      log,
    });
    if (outcome.kind === "settled") return rendered(ports, namespaces);
    await ports.sleep(leaseWaitMs);
  }
  throw new CommandError(
    `the mesh did not come to rest within ${renderTimeoutMs / 1_000} s`,
    `see what it waits for: kubectl get egr -n ${osmNamespace} -o yaml, and who holds the Lease: kubectl get lease -n ${osmNamespace} osm-reconciler -o yaml`,
  );
}

/** @throws CommandError for an account that the pass was refused to write */
async function rendered(ports: ClusterPorts, namespaces: readonly string[]): Promise<number> {
  const { accounts, configMaps } = await ports.readMesh();
  const joining = accounts.filter((account) => namespaces.includes(account.namespace));
  const there = new Set(configMaps.map((map) => `${map.namespace}/${map.name}`));
  const missing = joining.filter(
    ({ namespace, name }: Account) => !there.has(`${namespace}/${sidecarConfigName(name)}`),
  );
  if (missing.length === 0) return joining.length;
  throw new CommandError(
    `the sidecar ConfigMaps could not be written for: ${missing.map(accountKey).join(", ")}`,
    "look for quotas and admission policies of the namespace that refuse ConfigMaps",
  );
}
