import { EgressError } from "../errors.ts";
import {
  type ConfigMapWrite,
  configWrites,
  highestFencing,
  orphans,
  unknownAccounts,
} from "../rollout/config-writes.ts";
import type { RefusedAccount } from "../rollout/next-status.ts";
import { accountKey, type MeshObservation, type ObservedLease, type ObservedPod } from "../rollout/observation.ts";
import { runningSidecars, wantedDigestOf } from "../rollout/pod-checks.ts";
import { type Wanted, wantedMesh } from "../rollout/wanted.ts";
import type { PassContext } from "./pass.ts";
import type { PassMemory } from "./pass-memory.ts";
import { poke } from "./poke.ts";
import type { ClusterPorts, HeldLease } from "./ports.ts";
import { reserveMs, Verification } from "./verification.ts";

/** What a pass knows after it has written: the world as it is now, as far as this pass is concerned. */
export interface Written {
  readonly seen: MeshObservation;
  readonly wanted: Wanted;
  /** Listed after the last write, so every sidecar that ran then is among them. */
  readonly pods: readonly ObservedPod[];
  /** The asking that is to follow; the status says already that it has to. */
  readonly verification: Verification;
  /** Answered, and refused, and not about one account alone: the rest went on. */
  readonly refusal: EgressError | undefined;
}

/** A Lease is renewed when this much of its 20 s has gone. */
const renewAfterMs = 5_000;
/** Pokes between two looks at the clock: what a connection keeps in flight, so each of them takes one exchange. */
const chunk = 64;
const statusTries = 3;

export function heldByAnother(lease: ObservedLease): boolean {
  return lease.holder !== "" && !lease.expired;
}

/**
 * Takes the Lease, looks again, writes ConfigMaps and MeshInjection, pokes the pods, says in the status that they are to
 * be verified, and lets go: nothing is waited for inside. Whoever came meanwhile has marked the Lease, and then everything
 * is looked at once more.
 *
 * An exception leaves the Lease as it is. A request without an answer may still be carried out, pods may be unpoked and
 * the status untrue; the Lease that expires unreleased tells the next pass to stamp, poke and ask everybody.
 *
 * @param podsBefore  for accounts and orphans that only the list of pods tells of
 * @returns "again" when the Lease went to somebody else, or the pass was asked to look again
 */
export async function writeUnderLease(
  ports: ClusterPorts,
  context: PassContext,
  before: MeshObservation,
  memory: PassMemory,
  podsBefore: readonly ObservedPod[] = [],
): Promise<Written | "again"> {
  memory.holdsLease = true;
  const taken = await ports.takeLease(before.lease, highestFencing(before));
  if (!taken) {
    memory.holdsLease = false;
    return "again";
  }
  const seen = await ports.readMesh();
  const left = podsBefore.length === 0 ? [] : orphans(seen, podsBefore, ports.nowMs());
  const wanted = wantedMesh(seen, unknownAccounts(wantedMesh(seen), podsBefore));
  const { apply, injection, restamp } = configWrites({ ...seen, lease: before.lease }, wanted, left);
  memory.writtenAtMs = ports.nowMs();
  const refused: RefusedAccount[] = [];
  const applied = apply.map(async (write) => {
    const outcome = await attempt(() => ports.applyConfigMap(write, wanted.running, taken.number));
    // Whoever held a broken Lease may have died between writing a ConfigMap and poking its pods.
    if (outcome === "done" && (write.changesFiles || restamp)) memory.suspects.add(keyOf(write));
    if (!isAboutAccount(outcome)) return outcome;
    refused.push({ account: accountKey(write.account), why: outcome.message });
    context.log.error("account not written", { account: accountKey(write.account), problem: outcome.message });
    // A rule that refuses everybody (RBAC) is the deployment's fault, and whoever runs the pass must hear of it.
    return apply.length > 1 && refused.length === apply.length ? outcome : "refused";
  });
  const others = [
    ...(injection ? [attempt(() => ports.applyInjection(wanted.injection))] : []),
    ...left.map((map) => attempt(() => ports.deleteConfigMap(map))),
  ];
  const outcomes: readonly unknown[] = await Promise.all([...applied, ...others]);
  const refusal = outcomes.find((outcome) => outcome instanceof EgressError);
  memory.refused = refused;
  const pods = await ports.readPods();
  const held = await pokeAll(ports, context, pods, wanted, memory.suspects, taken);
  const verification = await begun(ports, context, memory, { seen, wanted, pods, number: held.number });
  const released = await ports.releaseLease(held);
  memory.holdsLease = false;
  if (released === "lost") context.log.warn("Lease lost before it was released", { number: held.number });
  verification.announce();
  return released === "released" ? { seen, wanted, pods, verification, refusal } : "again";
}

function keyOf({ account, name }: ConfigMapWrite): string {
  return `${account.namespace}/${name}`;
}

/** A refusal is an answer: the request is done with, and does not hold the others back. @throws what is none */
async function attempt<T>(write: () => Promise<T>): Promise<T | EgressError> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof EgressError && error.cause === undefined) return error;
    throw error;
  }
}

/** A quota or an admission policy of its namespace: trying again at once helps nobody, and its owner reads of it in the status. */
function isAboutAccount(outcome: unknown): outcome is EgressError {
  return outcome instanceof EgressError && (outcome.reason === "api-forbidden" || outcome.reason === "api-invalid");
}

/** Somebody who only asks may have written the status meanwhile; the Lease is not let go before it is true. */
async function begun(
  ports: ClusterPorts,
  context: PassContext,
  memory: PassMemory,
  task: Pick<Written, "seen" | "wanted" | "pods"> & { readonly number: number },
): Promise<Verification> {
  let { rollout } = task.seen;
  for (let tries = 0; tries < statusTries; tries++) {
    const verification = new Verification(ports, context, { ...task, seen: { ...task.seen, rollout }, memory });
    if ((await verification.begin()) === "kept") return verification;
    rollout = (await ports.readMesh()).rollout;
  }
  throw new EgressError("object-conflict", `status of EgressRollout: written by others ${statusTries} times`);
}

async function pokeAll(
  ports: ClusterPorts,
  context: PassContext,
  pods: readonly ObservedPod[],
  wanted: Wanted,
  suspects: ReadonlySet<string>,
  lease: HeldLease,
): Promise<HeldLease> {
  const due = runningSidecars(pods).filter((pod) => suspects.has(`${pod.namespace}/${pod.configMap}`));
  let held = lease;
  for (let start = 0; start < due.length; start += chunk) {
    // The status that follows says that they are to be verified, and so the next pass asks and pokes them.
    if (context.msLeft() < reserveMs) {
      context.log.warn("out of time before every pod was poked", { poked: start, pods: due.length });
      break;
    }
    if (ports.nowMs() - held.renewedAtMs > renewAfterMs) {
      const renewed = await ports.renewLease(held);
      if (renewed === "lost") return held;
      held = renewed;
    }
    await Promise.all(
      due.slice(start, start + chunk).map(async (pod) => {
        const digest = wantedDigestOf(pod, wanted);
        if (digest !== undefined) await poke(ports, context.log, pod, digest);
      }),
    );
  }
  return held;
}
