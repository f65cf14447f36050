import { configWrites, isEmpty, orphans, unknownAccounts } from "../rollout/config-writes.ts";
import type { MeshObservation, ObservedPod } from "../rollout/observation.ts";
import { wantedMesh, type Wanted } from "../rollout/wanted.ts";
import { counted } from "./counted.ts";
import { heldByAnother, writeUnderLease } from "./lease-section.ts";
import type { PassContext, PassOutcome } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";
import { verifySidecars } from "./verify-sidecars.ts";

/** How often a pass starts over because the world changed under it; then the next event, or the schedule, goes on. */
const maxLooks = 8;

/**
 * One pass: look, write what differs under the Lease, then ask sidecars until every one runs what it must.
 *
 * Settled means that the status says the truth about the mesh as it was last seen, lagging pods included.
 *
 * @throws EgressError when the pass could not finish; whoever runs it decides about the next try
 */
export async function reconcileCluster(realPorts: ClusterPorts, context: PassContext): Promise<PassOutcome> {
  const startedMs = realPorts.nowMs();
  const { ports, counter } = counted(realPorts);
  const done = (kind: PassOutcome["kind"], sidecars?: Sidecars): PassOutcome => ({
    kind,
    figures: { ...counter.figures(), ...(sidecars ?? none), tookMs: realPorts.nowMs() - startedMs },
  });

  const suspects = new Set<string>();
  for (let look = 0; look < maxLooks; look++) {
    const result = await lookAndAct(ports, context, suspects);
    if (result.kind === "again") continue;
    return done(result.kind, result.sidecars);
  }
  return done("out-of-time");
}

export interface Sidecars {
  readonly sidecars: number;
  readonly verified: number;
  readonly convergeMs?: number;
}
const none: Sidecars = { sidecars: 0, verified: 0 };

export type LookResult =
  | { readonly kind: PassOutcome["kind"]; readonly sidecars?: Sidecars }
  | { readonly kind: "again" };

/**
 * @param suspects  ConfigMaps that this pass has rewritten, as `namespace/name`: their pods are asked in every later look
 *                  too, whatever they reported before
 */
async function lookAndAct(ports: ClusterPorts, context: PassContext, suspects: Set<string>): Promise<LookResult> {
  const first = await ports.readMesh();
  if (isEmpty(configWrites(first, wantedMesh(first)))) {
    const pods = await ports.readPods();
    const wanted = wantedMesh(first);
    if (!mustWriteForPods(first, wanted, pods, ports.nowMs())) {
      const number = first.lease?.transitions ?? 0;
      return verifySidecars(ports, context, { seen: first, wanted, pods, rewritten: suspects, number });
    }
    return underLease(ports, context, first, suspects, pods);
  }
  return underLease(ports, context, first, suspects);
}

async function underLease(
  ports: ClusterPorts,
  context: PassContext,
  seen: MeshObservation,
  suspects: Set<string>,
  pods?: readonly ObservedPod[],
): Promise<LookResult> {
  if (seen.lease && heldByAnother(seen.lease)) {
    return { kind: (await ports.markLease(seen.lease)) ? "held-by-another" : "again" };
  }
  const writtenAtMs = ports.nowMs();
  const written = await writeUnderLease(ports, context, seen, suspects, pods);
  if (written === "again") return { kind: "again" };
  return verifySidecars(ports, context, { ...written, rewritten: suspects, writtenAtMs });
}

/** What only the list of pods tells: accounts without a ConfigMap, ConfigMaps without anybody. */
function mustWriteForPods(
  seen: MeshObservation,
  wanted: Wanted,
  pods: readonly ObservedPod[],
  nowMs: number,
): boolean {
  return unknownAccounts(wanted, pods).length > 0 || orphans(seen, pods, nowMs).length > 0;
}
