import { EgressError } from "../errors.ts";
import { missingConfigs } from "../rollout/drift/config-drift.ts";
import { writtenBack } from "../rollout/drift/drift-plan.ts";
import { meshPods } from "../rollout/mesh-pods.ts";
import type { Answer, MeshObservation, ObservedPod } from "../rollout/observation.ts";
import type { Wanted } from "../rollout/wanted.ts";
import { earlyAnswers } from "./early-answers.ts";
import type { Before, Holder } from "./holder.ts";
import { LeaseInHand } from "./lease-in-hand.ts";
import { among, isLate, type Looked, lookAndWrite } from "./look-and-write.ts";
import { noteNumber } from "./note-number.ts";
import type { PassContext } from "./pass.ts";
import type { PassMemory } from "./pass-memory.ts";
import { pokeAll } from "./poke-all.ts";
import type { ClusterPorts } from "./ports.ts";
import { type ToVerify, Verification } from "./verification.ts";

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

const statusTries = 3;
/** How often the switch may be moved before the pods are poked nonetheless. */
const maxOvertaken = 2;

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
  const isNoted = before.lease !== undefined || (await noteNumber(ports, before.rollout, before.fencing + 1));
  if (!isNoted) return "again";
  memory.holdsLease = true;
  const lease = await LeaseInHand.take(ports, before.lease, before.fencing);
  const result = lease ? await writeAndTell({ ports, context, memory, lease, written: [] }, before) : "again";
  memory.holdsLease = false;
  if (result !== "lost") return result;
  context.log.warn("Lease lost before it was released", { number: lease?.number });
  return "again";
}

async function writeAndTell(holder: Holder, before: Before): Promise<Written | "again" | "lost"> {
  const { ports, memory, lease } = holder;
  const poked = await writeAndPoke(holder, before);
  if (typeof poked === "string") return poked;
  const { seen, wanted, refusal, drift, applied, pods, heard } = poked;
  // Without the pods nobody could tell what is gone from what never was.
  const writtenMs = memory.writtenAtMs ?? ports.nowMs();
  const gone = before.pods ? [] : missingConfigs(seen, wanted, pods, { nowMs: ports.nowMs(), writtenMs });
  holder.written.push(...writtenBack(among(applied, gone), seen, { nowMs: writtenMs, proofs: new Map() }));
  const verification = await begun(holder, {
    seen,
    wanted,
    pods,
    heard,
    number: lease.number,
    held: drift.held,
    written: holder.written,
  });
  if (verification === "lost") return "lost";
  const released = await lease.release();
  if (released === "lost") return "lost";
  verification.announce();
  if (released === "released") return { seen, wanted, pods, verification, refusal };
  // From here on a failure is for another look, not for whoever waits for the Lease to expire.
  memory.holdsLease = false;
  await verification.glimpse(() => isLate(ports, poked));
  return "again";
}

interface Poked extends Looked {
  /** Listed after the last write. */
  readonly pods: readonly ObservedPod[];
  readonly heard: ReadonlyMap<ObservedPod, Answer>;
}

/** A switch that is moved meanwhile goes first: nobody is poked, or waits, for what is written over at once. */
async function writeAndPoke(holder: Holder, before: Before): Promise<Poked | "lost"> {
  const { ports, lease } = holder;
  for (let overtaken = 0; ; overtaken++) {
    const looked = await lookAndWrite(holder, before, overtaken === 0);
    if (typeof looked === "string") return looked;
    const isOvertaken = async () => overtaken < maxOvertaken && (await isLate(ports, looked));
    const listing = ports.readPods();
    // Where it is not wanted nobody hears of its failure.
    listing.catch(() => undefined);
    if (await isOvertaken()) continue;
    const pods = meshPods(looked.seen, await listing);
    if ((await lease.keep()) === "lost") return "lost";
    const heard = earlyAnswers(ports, looked.seen, looked.wanted, pods);
    const result = await pokeAll(holder, pods, looked.wanted, isOvertaken);
    if (result === "lost") return "lost";
    if (result === "done") return { ...looked, pods, heard };
  }
}

/** Somebody who only asks may have written the status meanwhile; the Lease is not let go before it is true. */
async function begun(
  { ports, context, memory, lease }: Holder,
  task: Pick<Written, "seen" | "wanted" | "pods"> & Pick<ToVerify, "number" | "held" | "written" | "heard">,
): Promise<Verification | "lost"> {
  let { rollout } = task.seen;
  for (let tries = 0; tries < statusTries; tries++) {
    const verification = new Verification(ports, context, { ...task, seen: { ...task.seen, rollout }, memory });
    if ((await verification.begin()) === "kept") return verification;
    const now = await ports.glance();
    // After it: whoever has taken the Lease since may have written the status that was read.
    if ((await ports.leaseNumber()) !== lease.number) return "lost";
    rollout = now.rollout;
  }
  throw new EgressError("object-conflict", `status of EgressRollout: written by others ${statusTries} times`);
}
