import { highestFencing, orphans, unknownAccounts } from "../rollout/config-writes.ts";
import type { ConfigDrift } from "../rollout/drift/config-drift.ts";
import { type DriftPlan, driftPlan, keysOf, proofsFor, writtenBack } from "../rollout/drift/drift-plan.ts";
import type { MeshObservation } from "../rollout/observation.ts";
import { isSwitched, type Wanted, wantedMesh, withProofs } from "../rollout/wanted.ts";
import type { Before, Holder } from "./holder.ts";
import type { ClusterPorts } from "./ports.ts";
import { type ConfigsWritten, writeConfigs } from "./write-configs.ts";

/** The world as it is after a write, and what of it was put right. */
export interface Looked extends ConfigsWritten {
  readonly seen: MeshObservation;
  readonly wanted: Wanted;
  readonly drift: DriftPlan;
}

/** What was refused, or is gone with its namespace, is not put right. */
export function among(applied: ReadonlySet<string>, drifts: readonly ConfigDrift[]): readonly ConfigDrift[] {
  return drifts.filter(({ key }) => applied.has(key));
}

/** Reads the mesh anew, and writes whatever differs: ConfigMaps, MeshInjection, what is left over. */
export async function lookAndWrite(
  holder: Holder,
  { lease: leaseBefore, pods: podsBefore }: Before,
  isFirst: boolean,
): Promise<Looked | "lost"> {
  const { ports, context, memory, lease } = holder;
  let seen = await ports.readMesh().catch(async (error: unknown) => {
    if (!isFirst) throw error;
    // Nothing is written yet, so the Lease need not expire before somebody looks again.
    await lease.release();
    memory.holdsLease = false;
    throw error;
  });
  // Reading may have taken long: whoever has the Lease by now writes what is newer than this.
  if ((await lease.keep()) === "lost") return "lost";
  // Somebody has put the Lease back to an earlier number, or was about to make it anew with a later one.
  if (highestFencing(seen) > lease.number) {
    if ((await lease.raise(highestFencing(seen))) === "lost") return "lost";
    seen = await ports.readMesh();
  }
  const nowMs = ports.nowMs();
  const plain = wantedMesh(seen, unknownAccounts(wantedMesh(seen), podsBefore ?? []));
  const asBefore = { ...seen, lease: leaseBefore };
  const isUntouched = memory.writtenAtMs === undefined;
  const isForced = context.correct === true;
  const drift = driftPlan(asBefore, plain, { nowMs, pods: podsBefore, isForced, isUntouched });
  // Nobody can foresee it, and so none of the altered bytes can have it.
  const proofs = proofsFor(drift.due, context.passId);
  const wanted = withProofs(plain, proofs);
  const left = podsBefore === undefined ? [] : orphans(seen, podsBefore, nowMs);
  memory.writtenAtMs = nowMs;
  const written = await writeConfigs(holder, asBefore, wanted, { held: keysOf(drift.held), orphans: left });
  holder.written.push(...writtenBack(among(written.applied, drift.due), seen, { nowMs, proofs }));
  return { seen, wanted, drift, ...written };
}

/** Whoever cannot look has not been overtaken, as far as he knows. */
export async function isLate(ports: ClusterPorts, { wanted }: Pick<Looked, "wanted">): Promise<boolean> {
  const glance = await ports.glance().catch(() => undefined);
  return glance !== undefined && isSwitched(glance, wanted.target);
}
