import { canonicalJson, type Json } from "../envoy/canonical-json.ts";
import { nextStatus } from "../rollout/next-status.ts";
import type { MeshObservation, ObservedPod } from "../rollout/observation.ts";
import { announcements } from "../rollout/result-events.ts";
import { conditionOf, type RolloutStatus } from "../rollout/status.ts";
import { tallyOf } from "../rollout/tally.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { PassContext } from "./pass.ts";
import type { ClusterPorts } from "./ports.ts";
import { SidecarRound } from "./sidecar-round.ts";
import type { LookResult } from "./reconcile-cluster.ts";

/** Kept for the status, the events and the answer to the queue. */
const reserveMs = 4_000;
const tickMs = 250;
/** While a pass waits: how often it looks at the Lease's number, lists the pods again, and writes a changed status. */
const leaseLookMs = 500;
const relistMs = 2_000;
const statusPaceMs = 2_000;

export interface ToVerify {
  readonly seen: MeshObservation;
  readonly wanted: Wanted;
  readonly pods: readonly ObservedPod[];
  readonly rewritten: ReadonlySet<string>;
  /** The fencing number that the pass wrote with, or saw. */
  readonly number: number;
  /** When the pass wrote first. */
  readonly writtenAtMs?: number;
}

/** Asks until every sidecar has answered or had its time, and keeps the status true meanwhile. Holds no Lease. */
export async function verifySidecars(ports: ClusterPorts, context: PassContext, task: ToVerify): Promise<LookResult> {
  const round = new SidecarRound(ports, task.wanted);
  const status = new StatusKeeper(ports, context, task);
  const everybody = context.kind === "drift" || !isVerified(status.last, task.wanted);
  round.adopt(task.pods, { everybody, rewritten: task.rewritten });
  const result = (kind: "settled" | "superseded" | "out-of-time"): LookResult => ({ kind, sidecars: status.sidecars });

  let leaseLookedMs = ports.nowMs();
  let relistedMs = ports.nowMs();
  for (;;) {
    const finished = !round.unresolved;
    if ((await status.keep(round, finished)) === "conflict") return { kind: "again" };
    if (finished) return result("settled");
    if (context.msLeft() < reserveMs) {
      if ((await status.keep(round, true)) === "conflict") return { kind: "again" };
      return result("out-of-time");
    }
    await round.step(tickMs);
    const now = ports.nowMs();
    if (now - leaseLookedMs >= leaseLookMs) {
      leaseLookedMs = now;
      if ((await ports.leaseNumber()) > task.number) return result("superseded");
    }
    if (now - relistedMs >= relistMs) {
      relistedMs = now;
      round.adopt(await ports.readPods(), { everybody: false, rewritten: new Set() });
    }
  }
}

/** An earlier pass has verified this target everywhere; only then is the annotation on a pod taken for an answer. */
function isVerified(status: RolloutStatus, wanted: Wanted): boolean {
  if (status.target?.digest !== wanted.target.digest || status.target.egress !== wanted.target.egress) return false;
  const converged = conditionOf(status, "Converged");
  if (converged?.status !== "True" || converged.reason !== "AllVerified") return false;
  return wanted.target.egress || conditionOf(status, "EgressCut")?.status === "True";
}

/** Writes the status when it has something new to tell, and announces what it told. */
class StatusKeeper {
  readonly #ports: ClusterPorts;
  readonly #context: PassContext;
  readonly #task: ToVerify;
  last: RolloutStatus;
  #resourceVersion: string | undefined;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #convergeMs: number | undefined;

  constructor(ports: ClusterPorts, context: PassContext, task: ToVerify) {
    this.#ports = ports;
    this.#context = context;
    this.#task = task;
    this.last = task.seen.rollout?.status ?? {};
    this.#resourceVersion = task.seen.rollout?.resourceVersion;
  }

  get sidecars() {
    const { total = 0, verified = 0 } = this.last.sidecars ?? {};
    return {
      sidecars: total,
      verified,
      ...(this.#convergeMs === undefined ? {} : { convergeMs: this.#convergeMs }),
    };
  }

  /** @param final  nothing more will be learnt: write whatever is new */
  async keep(round: SidecarRound, final: boolean): Promise<"kept" | "conflict"> {
    const { wanted, seen, writtenAtMs } = this.#task;
    const nowMs = this.#ports.nowMs();
    const hint = this.#context.hint;
    const next = nextStatus(this.last, {
      nowMs,
      osmConfig: seen.osmConfig,
      wanted,
      tally: tallyOf(round.checked, this.last, wanted.target, nowMs),
      source: hint.source,
      ...(hint.actor === undefined ? {} : { actor: hint.actor }),
      ...(hint.revision === undefined ? {} : { revision: hint.revision }),
    });
    if (same(this.last, next)) return "kept";
    if (!final && !isTurn(this.last, next) && nowMs - this.#writtenMs < statusPaceMs) return "kept";

    const written = await this.#ports.writeStatus(next, this.#resourceVersion);
    if (written === "conflict") return "conflict";
    const before = this.last;
    this.last = next;
    this.#resourceVersion = written;
    this.#writtenMs = nowMs;
    if (writtenAtMs !== undefined && conditionOf(next, "Converged")?.status === "True") {
      this.#convergeMs ??= nowMs - writtenAtMs;
    }
    const { bus, kubernetes } = announcements(before, next, hint.correlationId);
    for (const event of bus) await this.#context.publish(event);
    for (const event of kubernetes) await this.#ports.recordEvent(event);
    return "kept";
  }
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
    ...(status.conditions ?? []).map((condition) => `${condition.type} ${condition.status}`),
  ];
  return turns(before).join() !== turns(after).join();
}
