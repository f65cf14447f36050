import { EgressError } from "../errors.ts";
import { leaseName } from "../mesh/names.ts";
import { configWrites, isEmpty, numberToExceed, orphans, unknownAccounts } from "../rollout/config-writes.ts";
import { driftPlan, keysOf, mayHoldBack } from "../rollout/drift/drift-plan.ts";
import { meshPods } from "../rollout/mesh-pods.ts";
import type { MeshObservation, ObservedLease, ObservedPod } from "../rollout/observation.ts";
import type { Condition } from "../rollout/status.ts";
import { isSwitched, type Wanted, wantedMesh } from "../rollout/wanted.ts";
import { counted } from "./counted.ts";
import { type Before, heldByAnother } from "./holder.ts";
import { writeUnderLease } from "./lease-section.ts";
import { isLate } from "./look-and-write.ts";
import type { LookResult, SidecarFigures } from "./look-result.ts";
import type { PassContext, PassOutcome } from "./pass.ts";
import type { PassMemory } from "./pass-memory.ts";
import type { ClusterPorts } from "./ports.ts";
import { Telling } from "./telling.ts";
import { Verification } from "./verification.ts";

/** How often a pass starts over because the world changed under it; then the next event, or the schedule, goes on. */
const maxLooks = 8;

/** After a failure that another look may cure: this often, each time waiting twice as long. */
const maxRetries = 3;
const firstRetryMs = 500;
/** For the holder to finish writing, which takes less than a second as a rule. */
const witnessWaitMs = 750;
/** Between two looks at a Lease that is held: in all of them it expires, unless somebody lives who has seen the mark. */
const heldWaitMs = 3_000;
/** A cluster that has not answered for so long is left to the queue: others wait for this function too. */
const noContactMs = 10_000;
/** A request without an answer takes 10 s, and who runs the pass must still hear how it ended. */
const retryReserveMs = 15_000;
/** Of a text that anybody may have written who got at the Lease. */
const maxHolder = 64;

/**
 * One pass: look, write what differs under the Lease, then ask sidecars until every one runs what it must.
 *
 * Settled means that the status says the truth about the mesh as it was last seen, lagging pods included.
 *
 * @throws EgressError when the pass could not finish, or could not write or tell everything; whoever runs it decides about
 *         the next try
 */
export async function reconcileCluster(realPorts: ClusterPorts, context: PassContext): Promise<PassOutcome> {
  const startedMs = realPorts.nowMs();
  const { ports, counter } = counted(realPorts);
  const done: Done = (kind, sidecars, unmet) => ({
    kind,
    ...(unmet ? { unmet } : {}),
    figures: { ...counter.figures(), ...(sidecars ?? none), tookMs: realPorts.nowMs() - startedMs },
  });

  const memory: PassMemory = { suspects: new Map(), unpoked: new Set(), telling: new Telling(ports, context) };
  let outcome: PassOutcome;
  try {
    outcome = await looks(ports, context, memory, done);
  } catch (error) {
    ports.end();
    // Already logged what cannot be told either; why the pass failed says more.
    await memory.telling.end().catch(() => undefined);
    throw error;
  }
  ports.end();
  // Whoever runs the pass may freeze when it ends.
  await memory.telling.end();
  return outcome;
}

type Done = (kind: PassOutcome["kind"], sidecars?: SidecarFigures, unmet?: Condition) => PassOutcome;

async function looks(ports: ClusterPorts, context: PassContext, memory: PassMemory, done: Done): Promise<PassOutcome> {
  let failures = 0;
  const startedMs = ports.nowMs();
  for (let look = 0; look < maxLooks; look++) {
    memory.mayRetry = failures < maxRetries;
    const result = await lookAndAct(ports, context, memory).catch((error: unknown): LookResult => {
      // Its own Lease would look like another's; what was under way in it is for the next pass to find out.
      if (!(error instanceof EgressError) || memory.holdsLease) throw error;
      return { kind: "settled", refusal: error };
    });
    if (result.kind === "again") continue;
    if (result.kind === "held-by-another") {
      if (isAwaited(context, look)) {
        await ports.sleep(context.kind === "drift" ? heldWaitMs : witnessWaitMs);
        continue;
      }
      if (context.kind === "drift") throw neverFree(result.lease, ports.nowMs() - startedMs);
      return done(result.kind);
    }
    if (!result.refusal) return done(result.kind, result.sidecars, result.unmet);
    const waitMs = firstRetryMs * 2 ** failures * (0.5 + Math.random() / 2);
    const isGone = !memory.hasSeenCluster && ports.nowMs() - startedMs > noContactMs;
    const isLast = failures === maxRetries || isGone || context.msLeft() - waitMs < retryReserveMs;
    if (result.refusal.retry === "never" || isLast) throw result.refusal;
    failures++;
    context.log.warn("looking again after a failure", { problem: result.refusal.message, waitMs: Math.round(waitMs) });
    await ports.sleep(waitMs);
  }
  return { ...done("out-of-time"), isBlind: true };
}

/**
 * The holder may be dead. A message that has come back is perhaps its own, and then nobody else would take up what it has
 * left; what others have asked of it, the schedule does.
 */
function isAwaited(context: PassContext, look: number): boolean {
  return context.kind === "drift" ? look < maxLooks - 1 : isWitness(context);
}

/**
 * The schedule is who notices what nobody else does: it is not done with because somebody holds the Lease, and keeps it.
 * Come again and again it ends in the dead letters, which is an alarm.
 */
function neverFree({ holder, transitions }: ObservedLease, waitedMs: number): EgressError {
  const seconds = Math.round(waitedMs / 1000);
  const problem = `held in every look of ${seconds} s, at last by "${holder.slice(0, maxHolder)}" as number ${transitions}`;
  return new EgressError(
    "object-conflict",
    `Lease ${leaseName}: ${problem}: another pass or command is writing, and will be done; if this stays, somebody holds it who is none: docs/security.md, "A leaked token"`,
  );
}

/** What this event tells of a change no other event tells: the holder of the Lease cannot know it. */
function isWitness({ hint: { testimony = {} } }: PassContext): boolean {
  return testimony.auditUser !== undefined || testimony.revision !== undefined;
}

const none: SidecarFigures = { sidecars: 0, verified: 0, findings: 0 };

async function lookAndAct(ports: ClusterPorts, context: PassContext, memory: PassMemory): Promise<LookResult> {
  memory.refused = [];
  const glance = await ports.glance();
  memory.hasSeenCluster = true;
  const { lease } = glance;
  // Also by who has nothing to write: the holder may be about to write what it read before the change that woke this pass.
  if (lease && heldByAnother(lease)) {
    return (await ports.markLease(lease)) ? { kind: "held-by-another", lease } : { kind: "again" };
  }
  // The switch has been moved: whatever else a look would show, there is something to write, and the look comes then.
  if (lease?.holder === "" && isSwitched(glance, glance.rollout?.status.target)) {
    return underLease(ports, context, { lease, fencing: lease.transitions }, memory);
  }
  const seen = await ports.readMesh(glance);
  const before = { lease, fencing: numberToExceed(seen), rollout: seen.rollout };
  const wanted = wantedMesh(seen);
  // What is gone may be left so on purpose, and only the pods tell it from what is new.
  const early = mayHoldBack(seen, ports.nowMs()) && configWrites(seen, wanted, nothing).apply.length > 0;
  let pods = early ? meshPods(seen, await ports.readPods()) : undefined;
  const isForced = context.correct === true;
  const isUntouched = memory.writtenAtMs === undefined;
  const { held } = driftPlan(seen, wanted, { nowMs: ports.nowMs(), pods, isForced, isUntouched });
  if (!isEmpty(configWrites(seen, wanted, keysOf(held)))) {
    return underLease(ports, context, { ...before, ...(pods ? { pods } : {}) }, memory);
  }
  pods ??= meshPods(seen, await ports.readPods());
  if (mustWriteForPods(seen, wanted, pods, ports.nowMs())) {
    return underLease(ports, context, { ...before, pods }, memory);
  }
  const number = seen.lease?.transitions ?? 0;
  return new Verification(ports, context, { seen, wanted, pods, memory, number, held, written: [] }).run();
}

const nothing: ReadonlySet<string> = new Set();

async function underLease(
  ports: ClusterPorts,
  context: PassContext,
  before: Before,
  memory: PassMemory,
): Promise<LookResult> {
  const written = await writeUnderLease(ports, context, before, memory);
  if (written === "again") return { kind: "again" };
  const { wanted, verification, refusal } = written;
  if (before.pods === undefined && mustWriteForPods(written.seen, wanted, written.pods, ports.nowMs()))
    return { kind: "again" };
  if (refusal !== undefined && refusal.retry !== "never" && memory.mayRetry) {
    // Some pods have nothing new yet: waiting for them would only keep it from them for longer.
    await verification.glimpse(() => isLate(ports, written));
    return { kind: "settled", refusal };
  }
  const result = await verification.run();
  if (result.kind === "again" || result.kind === "held-by-another" || refusal === undefined) return result;
  return { ...result, refusal };
}

/** What only the list of pods tells: accounts without a ConfigMap, ConfigMaps without anybody. */
function mustWriteForPods(seen: MeshObservation, wanted: Wanted, pods: readonly ObservedPod[], nowMs: number): boolean {
  return unknownAccounts(wanted, pods).length > 0 || orphans(seen, pods, nowMs).length > 0;
}
