import { canonicalJson, type Json } from "../envoy/canonical-json.ts";
import type { HeldDrift } from "../rollout/drift/correction.ts";
import type { Finding } from "../rollout/drift/finding.ts";
import type { WrittenBack } from "../rollout/drift/next-drift.ts";
import { settlement, strayedPods } from "../rollout/drift/pod-drift.ts";
import { nextStatus } from "../rollout/next-status.ts";
import type { MeshObservation } from "../rollout/observation.ts";
import { announcements } from "../rollout/result-events.ts";
import { conditionOf, type RolloutStatus } from "../rollout/status.ts";
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
  surveyed: readonly Finding[] | undefined;
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

  /** @param final  nothing more will be learnt: write whatever is new */
  async keep(checked: readonly CheckedPod[], final: boolean): Promise<"kept" | "conflict"> {
    const { wanted, seen, memory, held } = this.#task;
    const nowMs = this.#ports.nowMs();
    const hint = this.#context.hint;
    const tally = tallyOf(checked, this.last, wanted.target, nowMs);
    const next = nextStatus(this.last, {
      nowMs,
      startedMs: memory.writtenAtMs ?? nowMs,
      osmConfig: seen.osmConfig,
      wanted,
      tally,
      refused: memory.refused ?? [],
      drift: {
        mode: this.#context.correct ? "correct" : (seen.rollout?.spec?.drift ?? "correct"),
        held,
        written: this.#written,
        strayed: strayedPods(checked, { seen, wanted, nowMs }),
        ...settlement(checked, tally),
        ...(this.surveyed === undefined ? {} : { surveyed: this.surveyed }),
        isCheck: final && this.#context.kind === "drift",
      },
      source: hint.source,
      ...(hint.actor === undefined ? {} : { actor: hint.actor }),
      ...(hint.resourceVersion === undefined ? {} : { resourceVersion: hint.resourceVersion }),
      ...(hint.testimony === undefined ? {} : { testimony: hint.testimony }),
    });
    if (same(this.last, next)) return "kept";
    if (!final && !isTurn(this.last, next) && nowMs - this.#writtenMs < statusPaceMs) return "kept";

    const written = await this.#ports.writeStatus(next, this.#resourceVersion);
    // Whoever wrote meanwhile has looked as well; that this one has is not worth another look.
    if (written === "conflict") return isOnlyCheck(this.last, next) ? "kept" : "conflict";
    const before = this.last;
    this.last = next;
    this.#resourceVersion = written;
    this.#writtenMs = nowMs;
    this.#written = [];
    // Also by a pass that has only waited for what another had begun.
    if (hasConverged(before, next)) this.#convergeMs ??= nowMs - Date.parse(next.startedAt ?? "");
    // Told apart from the writing, so that a bus that hangs is never waited for with the Lease in hand.
    memory.telling.add(announcements(before, next, hint.correlationId));
    return "kept";
  }
}

function hasConverged(before: RolloutStatus, after: RolloutStatus): boolean {
  const isThere = (status: RolloutStatus) => conditionOf(status, "Converged")?.status === "True";
  return isThere(after) && (!isThere(before) || before.target?.digest !== after.target?.digest);
}

function same(left: RolloutStatus, right: RolloutStatus): boolean {
  return text(left) === text(right);
}

function isOnlyCheck(before: RolloutStatus, after: RolloutStatus): boolean {
  const { checkedAt: _, ...drift } = after.drift ?? {};
  const { checkedAt } = before.drift ?? {};
  return same(before, { ...after, drift: { ...drift, ...(checkedAt === undefined ? {} : { checkedAt }) } });
}

/** Through JSON, which drops what is undefined, as the API server would. */
function text(status: RolloutStatus): string {
  return canonicalJson(JSON.parse(JSON.stringify(status)) as Json);
}

/** A change that somebody may be waiting for: of a condition's status, of the target, of the value seen. */
function isTurn(before: RolloutStatus, after: RolloutStatus): boolean {
  const turns = (status: RolloutStatus) => [
    status.target?.digest,
    status.target?.egress,
    status.observed?.resourceVersion,
    status.history?.[0]?.outcome,
    // Nobody tells it twice: it must not wait, and be lost with a pass that is overtaken.
    ...(status.history ?? []).map(({ revision, users = [] }) => [revision, ...users].join()),
    ...(status.conditions ?? []).map((condition) => `${condition.type} ${condition.status}`),
    ...(status.drift?.findings ?? []).map(({ object, action, times }) => [object, action, times].join()),
    status.drift?.history?.[0]?.endedAt,
  ];
  return turns(before).join() !== turns(after).join();
}
