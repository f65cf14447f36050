import { type ConfigMapWrite, configWrites, highestFencing, orphans, unknownAccounts } from "../rollout/config-writes.ts";
import type { MeshObservation, ObservedLease, ObservedPod } from "../rollout/observation.ts";
import { runningSidecars, wantedDigestOf } from "../rollout/pod-checks.ts";
import { wantedMesh, type Wanted } from "../rollout/wanted.ts";
import type { PassContext } from "./pass.ts";
import type { ClusterPorts, HeldLease } from "./ports.ts";

/** What a pass knows after it has written: the world as it is now, as far as this pass is concerned. */
export interface Written {
  readonly seen: MeshObservation;
  readonly wanted: Wanted;
  /** Listed after the last write, so every sidecar that ran then is among them. */
  readonly pods: readonly ObservedPod[];
  /** The fencing number that was written with. */
  readonly number: number;
}

/** A Lease is renewed when this much of its 20 s has gone. */
const renewAfterMs = 5_000;
/** Pokes between two looks at the clock. */
const chunk = 256;

export function heldByAnother(lease: ObservedLease): boolean {
  return lease.holder !== "" && !lease.expired;
}

/**
 * Takes the Lease, looks again, writes ConfigMaps and MeshInjection, pokes the pods, and lets go: nothing is waited for
 * inside. Whoever came meanwhile has marked the Lease, and then everything is looked at once more.
 *
 * @param suspects    gets the ConfigMaps whose files were changed
 * @param podsBefore  for accounts and orphans that only the list of pods tells of
 * @returns "again" when the Lease went to somebody else, or the pass was asked to look again
 */
export async function writeUnderLease(
  ports: ClusterPorts,
  context: PassContext,
  before: MeshObservation,
  suspects: Set<string>,
  podsBefore?: readonly ObservedPod[],
): Promise<Written | "again"> {
  let held = await ports.takeLease(before.lease, highestFencing(before));
  if (!held) return "again";
  let written: Written;
  let failure: unknown;
  try {
    const seen = await ports.readMesh();
    const wanted = wantedMesh(seen, unknownAccounts(wantedMesh(seen), podsBefore ?? []));
    const writes = configWrites({ ...seen, lease: before.lease }, wanted);
    const [outcomes] = await Promise.all([
      Promise.all(writes.apply.map((write) => applyOne(ports, write, wanted, held as HeldLease))),
      writes.injection ? ports.applyInjection(wanted.injection) : undefined,
      ...(podsBefore ? orphans(seen, podsBefore, ports.nowMs()) : []).map((map) => ports.deleteConfigMap(map)),
    ]);
    failure = outcomes.find((outcome) => outcome.error !== undefined)?.error;
    const rewritten = new Set(outcomes.filter(({ changed }) => changed).map(({ key }) => key));
    for (const key of rewritten) suspects.add(key);
    const pods = await ports.readPods();
    held = await pokeAll(ports, pods, wanted, rewritten, held);
    written = { seen, wanted, pods, number: held.number };
  } catch (error) {
    // Let go at once: the message comes back, and nobody has to wait for the Lease to expire.
    await ports.releaseLease(held).catch((cause: unknown) => context.log.warn("Lease not released", { cause }));
    throw error;
  }
  const released = await ports.releaseLease(held);
  if (failure !== undefined) throw failure;
  if (released === "lost") context.log.warn("Lease lost before it was released", { number: held.number });
  return released === "released" ? written : "again";
}

interface ApplyOutcome {
  readonly key: string;
  readonly changed: boolean;
  readonly error?: unknown;
}

/** One account that cannot be written (quota, admission) does not hold the others back; the pass fails after them. */
async function applyOne(
  ports: ClusterPorts,
  write: ConfigMapWrite,
  wanted: Wanted,
  held: HeldLease,
): Promise<ApplyOutcome> {
  const key = `${write.account.namespace}/${write.name}`;
  try {
    const result = await ports.applyConfigMap(write, wanted.running, held.number);
    return { key, changed: result === "done" && write.changesFiles };
  } catch (error) {
    return { key, changed: false, error };
  }
}

async function pokeAll(
  ports: ClusterPorts,
  pods: readonly ObservedPod[],
  wanted: Wanted,
  rewritten: ReadonlySet<string>,
  lease: HeldLease,
): Promise<HeldLease> {
  const due = runningSidecars(pods).filter((pod) => rewritten.has(`${pod.namespace}/${pod.configMap}`));
  let held = lease;
  for (let start = 0; start < due.length; start += chunk) {
    if (ports.nowMs() - held.renewedAtMs > renewAfterMs) {
      const renewed = await ports.renewLease(held);
      if (renewed === "lost") return held;
      held = renewed;
    }
    await Promise.all(
      due.slice(start, start + chunk).map((pod) => {
        const digest = wantedDigestOf(pod, wanted);
        return digest === undefined ? undefined : ports.poke(pod, digest);
      }),
    );
  }
  return held;
}
