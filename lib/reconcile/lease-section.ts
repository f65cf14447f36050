import { EgressError } from "../errors.ts";
import { highestFencing, orphans, unknownAccounts } from "../rollout/config-writes.ts";
import { missingConfigs } from "../rollout/drift/config-drift.ts";
import { type DriftPlan, driftPlan, keysOf, writtenBack } from "../rollout/drift/drift-plan.ts";
import type { MeshObservation, ObservedLease, ObservedPod } from "../rollout/observation.ts";
import { runningSidecars, wantedDigestOf } from "../rollout/pod-checks.ts";
import { isSwitched, type Wanted, wantedMesh } from "../rollout/wanted.ts";
import { LeaseInHand } from "./lease-in-hand.ts";
import type { PassContext } from "./pass.ts";
import type { PassMemory } from "./pass-memory.ts";
import { poke } from "./poke.ts";
import type { ClusterPorts } from "./ports.ts";
import { reserveMs, type ToVerify, Verification } from "./verification.ts";
import { writeConfigs } from "./write-configs.ts";

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

/** Pokes between two looks at the clock: what a connection keeps in flight, so each of them takes one exchange. */
const chunk = 64;
const statusTries = 3;
/** How often the switch may be moved before the pods are poked nonetheless. */
const maxOvertaken = 2;

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
 * @returns "again" when the Lease went to somebody else, or the pass was asked to look again
 */
export async function writeUnderLease(
  ports: ClusterPorts,
  context: PassContext,
  before: Before,
  memory: PassMemory,
): Promise<Written | "again"> {
  memory.holdsLease = true;
  const lease = await LeaseInHand.take(ports, before.lease, before.fencing);
  const result = lease ? await writeAndTell({ ports, context, memory, lease }, before) : "again";
  memory.holdsLease = false;
  if (result !== "lost") return result;
  context.log.warn("Lease lost before it was released", { number: lease?.number });
  return "again";
}

/** What a pass knows before it takes the Lease. */
export interface Before {
  readonly lease: ObservedLease | undefined;
  /** The number that it must exceed, as far as it is known. */
  readonly fencing: number;
  /** For accounts and orphans that only the list of pods tells of. */
  readonly pods?: readonly ObservedPod[];
}

/** A pass while it holds the Lease. */
export interface Holder {
  readonly ports: ClusterPorts;
  readonly context: PassContext;
  readonly memory: PassMemory;
  readonly lease: LeaseInHand;
}

async function writeAndTell(holder: Holder, before: Before): Promise<Written | "again" | "lost"> {
  const { ports, memory, lease } = holder;
  let looked = await lookAndWrite(holder, before, true);
  // A switch that is moved meanwhile goes first: nobody is poked, or waits, for what is written over at once.
  for (let more = 0; more < maxOvertaken && typeof looked !== "string" && (await isLate(ports, looked)); more++) {
    looked = await lookAndWrite(holder, before, false);
  }
  if (typeof looked === "string") return looked;
  const { seen, wanted, refusal, drift } = looked;
  const pods = await ports.readPods();
  // Without the pods nobody could tell what is gone from what never was.
  const gone = before.pods
    ? []
    : missingConfigs(seen, wanted, pods, { nowMs: ports.nowMs(), writtenMs: memory.writtenAtMs });
  const written = writtenBack([...looked.drift.due, ...gone], seen, memory.writtenAtMs ?? ports.nowMs());
  if ((await lease.keep()) === "lost" || (await pokeAll(holder, pods, wanted)) === "lost") return "lost";
  const verification = await begun(holder, { seen, wanted, pods, number: lease.number, held: drift.held, written });
  if (verification === "lost") return "lost";
  const released = await lease.release();
  if (released === "lost") return "lost";
  verification.announce();
  if (released === "released") return { seen, wanted, pods, verification, refusal };
  // From here on a failure is for another look, not for whoever waits for the Lease to expire.
  memory.holdsLease = false;
  await verification.glimpse();
  return "again";
}

interface Looked extends Pick<Written, "seen" | "wanted" | "refusal"> {
  readonly drift: DriftPlan;
}

async function lookAndWrite(
  holder: Holder,
  { lease: leaseBefore, pods: podsBefore }: Before,
  isFirst: boolean,
): Promise<Looked | "again" | "lost"> {
  const { ports, context, memory, lease } = holder;
  const seen = await ports.readMesh().catch(async (error: unknown) => {
    if (!isFirst) throw error;
    // Nothing is written yet, so the Lease need not expire before somebody looks again.
    await lease.release();
    memory.holdsLease = false;
    throw error;
  });
  // Reading may have taken long: whoever has the Lease by now writes what is newer than this.
  if ((await lease.keep()) === "lost") return "lost";
  // Somebody has put the Lease back to an earlier number: the next look takes a higher one.
  if (highestFencing(seen) > lease.number) return (await lease.release()) === "lost" ? "lost" : "again";
  const nowMs = ports.nowMs();
  const wanted = wantedMesh(seen, unknownAccounts(wantedMesh(seen), podsBefore ?? []));
  const asBefore = { ...seen, lease: leaseBefore };
  const drift = driftPlan(asBefore, wanted, { nowMs, pods: podsBefore, isForced: context.correct === true });
  const left = podsBefore === undefined ? [] : orphans(seen, podsBefore, nowMs);
  memory.writtenAtMs = nowMs;
  const refusal = await writeConfigs(holder, asBefore, wanted, { held: keysOf(drift.held), orphans: left });
  return { seen, wanted, refusal, drift };
}

/** Whoever cannot look has not been overtaken, as far as he knows. */
async function isLate(ports: ClusterPorts, { wanted }: Looked): Promise<boolean> {
  const glance = await ports.glance().catch(() => undefined);
  return glance !== undefined && isSwitched(glance, wanted.target);
}

/** Somebody who only asks may have written the status meanwhile; the Lease is not let go before it is true. */
async function begun(
  { ports, context, memory, lease }: Holder,
  task: Pick<Written, "seen" | "wanted" | "pods"> & Pick<ToVerify, "number" | "held" | "written">,
): Promise<Verification | "lost"> {
  let { rollout } = task.seen;
  for (let tries = 0; tries < statusTries; tries++) {
    const verification = new Verification(ports, context, { ...task, seen: { ...task.seen, rollout }, memory });
    if ((await verification.begin()) === "kept") return verification;
    const now = await ports.glance();
    if (now.lease?.transitions !== lease.number) return "lost";
    rollout = now.rollout;
  }
  throw new EgressError("object-conflict", `status of EgressRollout: written by others ${statusTries} times`);
}

/** Those whose ConfigMap was written. */
async function pokeAll(
  { ports, context, memory, lease }: Holder,
  pods: readonly ObservedPod[],
  wanted: Wanted,
): Promise<"done" | "lost"> {
  const due = runningSidecars(pods).filter((pod) => memory.suspects.has(`${pod.namespace}/${pod.configMap}`));
  for (let start = 0; start < due.length; start += chunk) {
    // The status that follows says that they are to be verified, and so the next pass asks and pokes them.
    if (context.msLeft() < reserveMs) {
      context.log.warn("out of time before every pod was poked", { poked: start, pods: due.length });
      return "done";
    }
    if ((await lease.keep()) === "lost") return "lost";
    await Promise.all(
      due.slice(start, start + chunk).map(async (pod) => {
        const digest = wantedDigestOf(pod, wanted);
        if (digest !== undefined) await poke(ports, context.log, pod, { digest, atMs: ports.nowMs() });
      }),
    );
  }
  return "done";
}
