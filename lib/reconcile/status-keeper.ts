import { canonicalJson, type Json } from "../envoy/canonical-json.ts";
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

  constructor(ports: ClusterPorts, context: PassContext, task: StatusTask) {
    this.#ports = ports;
    this.#context = context;
    this.#task = task;
    this.last = task.seen.rollout?.status ?? {};
    this.#resourceVersion = task.seen.rollout?.resourceVersion;
    this.#writtenMs = ports.nowMs();
  }

  get sidecars(): SidecarFigures {
    const { total = 0, verified = 0 } = this.last.sidecars ?? {};
    return {
      sidecars: total,
      verified,
      ...(this.#convergeMs === undefined ? {} : { convergeMs: this.#convergeMs }),
    };
  }

  /** Some sidecar is not known yet to have the switch where it must be. */
  get isSwitching(): boolean {
    return this.last.history?.[0]?.outcome === "Rolling";
  }

  /** @param final  nothing more will be learnt: write whatever is new */
  async keep(checked: readonly CheckedPod[], final: boolean): Promise<"kept" | "conflict"> {
    const { wanted, seen, memory } = this.#task;
    const nowMs = this.#ports.nowMs();
    const hint = this.#context.hint;
    const next = nextStatus(this.last, {
      nowMs,
      startedMs: memory.writtenAtMs ?? nowMs,
      osmConfig: seen.osmConfig,
      wanted,
      tally: tallyOf(checked, this.last, wanted.target, nowMs),
      refused: memory.refused ?? [],
      source: hint.source,
      ...(hint.actor === undefined ? {} : { actor: hint.actor }),
      ...(hint.resourceVersion === undefined ? {} : { resourceVersion: hint.resourceVersion }),
      ...(hint.testimony === undefined ? {} : { testimony: hint.testimony }),
    });
    if (same(this.last, next)) return "kept";
    if (!final && !isTurn(this.last, next) && nowMs - this.#writtenMs < statusPaceMs) return "kept";

    const written = await this.#ports.writeStatus(next, this.#resourceVersion);
    if (written === "conflict") return "conflict";
    const before = this.last;
    this.last = next;
    this.#resourceVersion = written;
    this.#writtenMs = nowMs;
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
  ];
  return turns(before).join() !== turns(after).join();
}
