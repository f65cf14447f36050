import { attributed } from "../rollout/attribution.ts";
import type { HeldDrift } from "../rollout/drift/correction.ts";
import type { Surveyed, WrittenBack } from "../rollout/drift/next-drift.ts";
import { settlement, strayedPods } from "../rollout/drift/pod-drift.ts";
import { correctCommand } from "../rollout/drift/repairs.ts";
import { nextStatus } from "../rollout/next-status.ts";
import type { MeshObservation } from "../rollout/observation.ts";
import { nextOutside, type WithoutSidecar } from "../rollout/outside-guarantee.ts";
import { defaultPodDeadlineMs } from "../rollout/pod-checks.ts";
import { announcements } from "../rollout/result-events.ts";
import { conditionOf, type RolloutStatus } from "../rollout/status.ts";
import { findingsText, hasConverged, isOnlyCheck, isSame, isTurn, isUnproven } from "../rollout/status-changes.ts";
import { type CheckedPod, tallyOf } from "../rollout/tally.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { SidecarFigures } from "./look-result.ts";
import type { PassContext } from "./pass.ts";
import type { PassMemory } from "./pass-memory.ts";
import type { ClusterPorts } from "./ports.ts";

/** How often a status is written whose conditions have not turned. */
const statusPaceMs = 2_000;

/** What a status is to be kept of. */
export interface StatusTask {
  readonly seen: MeshObservation;
  readonly wanted: Wanted;
  readonly memory: PassMemory;
  /** The fencing number that the pass wrote with, or saw. */
  readonly number: number;
  /** ConfigMaps that are altered, and left so for now. */
  readonly held: readonly HeldDrift[];
  /** Alterations that this pass has just written back. */
  readonly written: readonly WrittenBack[];
}

/** Writes the status when it has something new to tell, and knows what of it is to be announced. */
export class StatusKeeper {
  readonly #ports: ClusterPorts;
  readonly #context: PassContext;
  readonly #task: StatusTask;
  last: RolloutStatus;
  #resourceVersion: string | undefined;
  #writtenMs: number;
  #convergeMs: number | undefined;
  /** Told once: from then on the status knows of them. */
  #written: readonly WrittenBack[];
  /** What else was found, once somebody has looked. */
  surveyed: Surveyed | undefined;
  withoutSidecar: WithoutSidecar | undefined;
  forwarderSilentMs: number | undefined;

  constructor(ports: ClusterPorts, context: PassContext, task: StatusTask) {
    this.#ports = ports;
    this.#context = context;
    this.#task = task;
    this.last = task.seen.rollout?.status ?? {};
    this.#resourceVersion = task.seen.rollout?.resourceVersion;
    this.#writtenMs = ports.nowMs();
    this.#written = task.written;
  }

  get sidecars(): SidecarFigures {
    const { total = 0, verified = 0 } = this.last.sidecars ?? {};
    const { findings = [], more = 0 } = this.last.drift ?? {};
    return {
      sidecars: total,
      verified,
      findings: findings.length + more,
      ...(this.forwarderSilentMs === undefined ? {} : { forwarderSilentMs: this.forwarderSilentMs }),
      ...(this.#convergeMs === undefined ? {} : { convergeMs: this.#convergeMs }),
    };
  }

  /** Some sidecar is not known yet to have the switch where it must be. */
  get isSwitching(): boolean {
    return this.last.history?.[0]?.outcome === "Rolling";
  }

  /** What was written back under another version has been seen to run everywhere. */
  hasProven = false;

  /** An alteration was written back that the status does not tell of yet. */
  get hasToTell(): boolean {
    return this.#written.length > 0;
  }

  /**
   * Somebody who only asks has told meanwhile that some have not answered yet; what this pass has heard goes on top of it.
   *
   * @returns false where he has seen another mesh, or has come to an end, or has told of drift: whoever writes next must
   *          have looked at that
   */
  async catchUp(): Promise<boolean> {
    const { seen, wanted, number } = this.#task;
    const { osmConfig, rollout } = await this.#ports.glance();
    const status = rollout?.status ?? {};
    const isSameMesh =
      osmConfig?.resourceVersion === seen.osmConfig?.resourceVersion &&
      rollout?.spec?.drift === seen.rollout?.spec?.drift &&
      status.target?.digest === wanted.target.digest &&
      status.target.egress === wanted.target.egress;
    const isUnderWay = conditionOf(status, "Converged")?.status !== "True";
    const hasTold = findingsText(status) !== findingsText(this.last);
    if (!isSameMesh || !isUnderWay || hasTold) return false;
    // Last of all: whoever has taken the Lease since may have written the status that was read.
    if ((await this.#ports.leaseNumber()) !== number) return false;
    this.last = status;
    this.#resourceVersion = rollout?.resourceVersion;
    return true;
  }

  /**
   * @param final       nothing more will be learnt: write whatever is new
   * @param isFinished  because everything is known
   */
  async keep(
    checked: readonly CheckedPod[],
    { final, isFinished }: { readonly final: boolean; readonly isFinished: boolean },
  ): Promise<"kept" | "conflict"> {
    const { wanted, seen, memory, held, number } = this.#task;
    const nowMs = this.#ports.nowMs();
    const { hint, podDeadlineMs = defaultPodDeadlineMs } = this.#context;
    const tally = tallyOf(checked, this.last, wanted.target, { nowMs, podDeadlineMs });
    const strayed = strayedPods(checked, { seen, wanted, nowMs });
    const isAltered = [...held, ...this.#written, ...strayed, ...(this.last.drift?.findings ?? [])].length > 0;
    const next = nextStatus(this.last, {
      nowMs,
      startedMs: memory.writtenAtMs ?? nowMs,
      osmConfig: seen.osmConfig,
      wanted,
      tally,
      outside: nextOutside(this.last, checked, this.withoutSidecar, {
        ...wanted.injection,
        image: seen.injection?.images?.sidecar,
      }),
      refused: memory.refused ?? [],
      drift: {
        mode: this.#context.correct ? "correct" : (seen.rollout?.spec?.drift ?? "correct"),
        held,
        written: this.#written,
        strayed,
        ...(isAltered ? settlement(checked) : nobody),
        ...(this.surveyed === undefined ? {} : { surveyed: this.surveyed }),
        isCheck: isFinished && this.#context.kind === "drift",
        correctLine: correctCommand(this.#ports.place),
      },
      source: hint.source,
      ...(hint.actor === undefined ? {} : { actor: hint.actor }),
      ...(hint.resourceVersion === undefined ? {} : { resourceVersion: hint.resourceVersion }),
      ...(hint.testimony === undefined ? {} : { testimony: hint.testimony }),
    });
    if (isSame(this.last, next)) return "kept";
    if (!final && !isTurn(this.last, next) && nowMs - this.#writtenMs < statusPaceMs) return "kept";

    // What another pass has begun to write since would look altered, and its sidecars astray.
    const isDoubtful = strayed.length > 0 || held.length > 0;
    if (isDoubtful && (await this.#ports.leaseNumber()) !== number) return "conflict";
    return this.#write(next);
  }

  /** What only this pass's event tells of earlier changes, whatever sidecars are still to say. */
  async testify(): Promise<"kept" | "conflict"> {
    const { testimony } = this.#context.hint;
    if (testimony === undefined || this.last.history === undefined) return "kept";
    const next = { ...this.last, history: attributed(this.last.history, testimony, this.#task.seen.osmConfig) };
    return isSame(this.last, next) ? "kept" : this.#write(next);
  }

  async #write(next: RolloutStatus): Promise<"kept" | "conflict"> {
    const nowMs = this.#ports.nowMs();
    const written = await this.#ports.writeStatus(next, this.#resourceVersion);
    // Whoever wrote meanwhile has looked as well; that this one has is not worth another look.
    if (written === "conflict") return isOnlyCheck(this.last, next) ? "kept" : "conflict";
    const before = this.last;
    this.last = next;
    this.#resourceVersion = written;
    this.#writtenMs = nowMs;
    const wasUnproven = isUnproven(before) || this.#written.some(({ proof }) => proof !== undefined);
    this.hasProven ||= wasUnproven && !isUnproven(next);
    this.#written = [];
    // Also by a pass that has only waited for what another had begun.
    if (hasConverged(before, next)) this.#convergeMs ??= nowMs - Date.parse(next.startedAt ?? "");
    // Told apart from the writing, so that a bus that hangs is never waited for with the Lease in hand.
    this.#task.memory.telling.add(announcements(before, next, this.#context.hint.correlationId));
    return "kept";
  }
}

const nobody = { unsettled: new Set<string>(), running: new Set<string>() };
