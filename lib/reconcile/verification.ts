import { arrivedAtMs } from "../rollout/drift/config-drift.ts";
import { keysOf } from "../rollout/drift/drift-plan.ts";
import { surveyFindings } from "../rollout/drift/survey-findings.ts";
import { meshPods } from "../rollout/mesh-pods.ts";
import type { Answer, MeshObservation, ObservedPod } from "../rollout/observation.ts";
import { withoutSidecar } from "../rollout/outside-guarantee.ts";
import { defaultPodDeadlineMs } from "../rollout/pod-checks.ts";
import { isVerified, stands, standsSinceMs } from "../rollout/standing.ts";
import { unmetCondition } from "../rollout/status.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { LookResult } from "./look-result.ts";
import type { PassContext } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";
import { SidecarRound } from "./sidecar-round.ts";
import { StatusKeeper, type StatusTask } from "./status-keeper.ts";
import type { Telling } from "./telling.ts";

/** How often a status is told that others have told meanwhile; after that another look is worth more. */
const statusTries = 3;
/** Kept for the status, the events and the answer to the queue. */
export const reserveMs = 4_000;
const tickMs = 250;
/** How long another look is put off for sidecars that are changing their switch: a kubelet takes about as long. */
const glimpseMs = 700;
/** While a pass waits: how often it looks at the Lease's number, and lists the pods again. */
const leaseLookMs = 500;
const relistMs = 2_000;
/** And how many times as long as listing took: the list of a large mesh would leave no room for the asking. */
const relistShare = 10;

export interface ToVerify extends StatusTask {
  readonly pods: readonly ObservedPod[];
  /** What some have said before they can have had what they are to run. */
  readonly heard?: ReadonlyMap<ObservedPod, Answer>;
}

/** Asks until every sidecar has answered or had its time, and keeps the status true meanwhile. Holds no Lease. */
export class Verification {
  readonly #ports: ClusterPorts;
  readonly #context: PassContext;
  readonly #number: number;
  readonly #round: SidecarRound;
  readonly #status: StatusKeeper;
  readonly #seen: MeshObservation;
  readonly #wanted: Wanted;
  readonly #telling: Telling;
  readonly #hasWritten: boolean;
  /** Also of the pods that appear while the pass waits: a poke on one is no answer as long as the mesh is not verified. */
  readonly #everybody: boolean;
  /** Before the first one it is not known, and may be long. */
  #relistTookMs = relistMs;
  /** Runs beside the asking; undefined when it is done, or nobody has asked for it. */
  #surveying: Promise<void> | undefined;

  constructor(ports: ClusterPorts, context: PassContext, task: ToVerify) {
    const { seen, wanted, pods, memory, number } = task;
    this.#ports = ports;
    this.#context = context;
    this.#number = number;
    this.#seen = seen;
    this.#wanted = wanted;
    this.#telling = memory.telling;
    this.#hasWritten = memory.writtenAtMs !== undefined;
    const isPatient = this.#hasWritten || context.kind === "drift";
    this.#round = new SidecarRound(ports, context.log, wanted, {
      isPatient,
      podDeadlineMs: context.podDeadlineMs ?? defaultPodDeadlineMs,
      altered: keysOf(task.held),
      detected: detectedPods(seen, context),
    });
    this.#status = new StatusKeeper(ports, context, task);
    this.#everybody = context.kind === "drift" || !isVerified(this.#status.last, wanted);
    const { last } = this.#status;
    this.#round.adopt(pods, {
      everybody: this.#everybody,
      suspects: memory.suspects,
      convergedMs: standsSinceMs(last, wanted),
      arrivedMs: arrivedAtMs(seen, wanted),
    });
    for (const [pod, answer] of task.heard ?? []) this.#round.hear(pod, answer);
  }

  /** Writes what the status must say before anybody is asked; announces nothing yet. */
  begin(): Promise<"kept" | "conflict"> {
    return this.#keepOnce({ final: false, isFinished: false });
  }

  /** Begins to tell what has been written; sidecars are asked meanwhile. */
  announce(): void {
    this.#telling.begin();
  }

  /**
   * Somebody has asked for another look. While the switch is on its way the sidecars have their say first: in a mesh in
   * which nothing stands still a look follows the other, and nobody would ever tell that the switch has arrived.
   *
   * @param isOvertaken  asked now and then: the switch has been moved again, and nobody waits for where it was
   */
  async glimpse(isOvertaken: () => Promise<boolean>): Promise<void> {
    const untilMs = this.#ports.nowMs() + glimpseMs;
    let lookMs = this.#ports.nowMs();
    try {
      while (this.#status.isSwitching && this.#round.unresolved && this.#ports.nowMs() < untilMs) {
        if (this.#ports.nowMs() >= lookMs) {
          if (await isOvertaken()) break;
          lookMs = this.#ports.nowMs() + tickMs;
        }
        await this.#round.step(tickMs);
        if ((await this.#keep({ final: false, isFinished: false })) === "conflict") break;
      }
    } finally {
      // What is still out was asked for this look's sake: a later one may poke for something else.
      this.#round.end();
    }
  }

  async run(): Promise<LookResult> {
    try {
      return await this.#untilFinished();
    } finally {
      this.#round.end();
    }
  }

  async #untilFinished(): Promise<LookResult> {
    const ports = this.#ports;
    if (this.#context.kind === "drift") this.#surveying = this.#survey();
    const result = (kind: "settled" | "superseded" | "out-of-time"): LookResult => ({
      kind,
      sidecars: this.#status.sidecars,
      unmet: unmetCondition(this.#status.last),
    });
    let leaseLookedMs = ports.nowMs();
    let relistDueMs = ports.nowMs() + relistMs;
    for (;;) {
      const finished = !this.#round.unresolved && this.#surveying === undefined;
      const outOfTime = this.#context.msLeft() < reserveMs;
      const kept = await this.#keep({ final: finished || outOfTime, isFinished: finished });
      if (kept === "conflict") return { kind: "again" };
      this.announce();
      // Proven: now it can have its plain version again.
      if (finished && this.#status.hasProven) return { kind: "again" };
      if (finished) return result("settled");
      if (outOfTime) return result("out-of-time");
      if (this.#round.unresolved) await this.#round.step(tickMs);
      else await Promise.race([this.#surveying, ports.sleep(tickMs)]);
      const now = ports.nowMs();
      if (now - leaseLookedMs >= leaseLookMs) {
        leaseLookedMs = now;
        const number = await ports.leaseNumber();
        if (number === undefined) return { kind: "again" };
        if (number > this.#number) return result("superseded");
      }
      if (now >= relistDueMs) {
        await this.#relist();
        const tookMs = ports.nowMs() - now;
        relistDueMs = now + Math.max(relistMs, relistShare * tookMs);
      }
    }
  }

  /** Not so late that the pass could end without having told what it has heard: then the next one lists. */
  async #relist(): Promise<void> {
    if (this.#context.msLeft() < reserveMs + 2 * this.#relistTookMs) return;
    const beganMs = this.#ports.nowMs();
    const pods = meshPods(this.#seen, await this.#ports.readPods());
    // Whoever has taken the Lease since may have poked them, and has asked nobody yet: such notes prove nothing.
    const isOvertaken = (await this.#ports.leaseNumber()) !== this.#number;
    this.#round.adopt(pods, { everybody: this.#everybody || isOvertaken, suspects: new Map() });
    this.#relistTookMs = this.#ports.nowMs() - beganMs;
  }

  /** What cannot be surveyed says nothing about the sidecars: the pass goes on without. */
  async #survey(): Promise<void> {
    try {
      const survey = await this.#ports.survey();
      this.#status.surveyed = { findings: surveyFindings(survey), isPartial: survey.unread.length > 0 };
      this.#status.withoutSidecar = withoutSidecar(survey);
      this.#status.forwarderSilentMs = survey.forwarderSilentMs;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#context.log.warn("cluster not surveyed", { problem });
    }
    this.#surveying = undefined;
  }

  /** What this pass has heard is not lost because another told first what it had heard. */
  async #keep(how: Parameters<StatusKeeper["keep"]>[1]): Promise<"kept" | "conflict"> {
    for (let tries = 1; ; tries++) {
      const kept = await this.#keepOnce(how);
      if (kept === "kept" || tries === statusTries || !(await this.#status.catchUp())) return kept;
      // Who told has perhaps seen pods that are newer than what this pass knows.
      await this.#relist();
    }
  }

  /** What stands is not taken back just because it is being asked again: first every pod has its say. */
  async #keepOnce(how: Parameters<StatusKeeper["keep"]>[1]): Promise<"kept" | "conflict"> {
    const { isAwaited, isUnderSuspicion } = this.#round;
    const isPresumed = isAwaited && !isUnderSuspicion && stands(this.#status.last, this.#wanted);
    if ((isPresumed || (this.#hasNothingToSay && !how.final)) && !this.#status.hasToTell) return this.#status.testify();
    return this.#status.keep(this.#round.checked, how);
  }

  /** Somebody else is under way there, and has heard more than this pass, which has written nothing and heard nobody. */
  get #hasNothingToSay(): boolean {
    const { target } = this.#status.last;
    const isSame = target?.digest === this.#wanted.target.digest && target.egress === this.#wanted.target.egress;
    return isSame && !this.#hasWritten && this.#round.isUnheard;
  }
}

/** Pods known to have strayed, where they are only to be reported. */
function detectedPods({ rollout }: MeshObservation, { correct }: PassContext): ReadonlySet<string> | undefined {
  if (rollout?.spec?.drift !== "detect" || correct) return undefined;
  const detected = (rollout.status.drift?.findings ?? []).filter(({ action }) => action === "Detected");
  return new Set(detected.map(({ object }) => object.replace(/^Pod /, "")));
}
