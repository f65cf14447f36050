import { drainSeconds } from "../envoy/bootstrap.ts";
import type { Answer, ObservedPod } from "../rollout/observation.ts";
import {
  isPokedFor,
  noteFor,
  type PodState,
  podState,
  podsToAsk,
  repokeAfterMs,
  runningSidecars,
  wantedDigestOf,
} from "../rollout/pod-checks.ts";
import type { CheckedPod } from "../rollout/tally.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { PassLog } from "./pass.ts";
import { isAltered, isLeft, isOpen, type RoundOptions } from "./patience.ts";
import { Pokes } from "./pokes.ts";
import type { ClusterPorts } from "./ports.ts";
import { type Adoption, type Check, newCheck } from "./sidecar-check.ts";
import { mostAtATime, Turns } from "./turns.ts";

/** Asked less and less often: at most so long between two questions, and longer in a large mesh, to spare the API server. */
const askGrowth = 1.4;
const slowestAskMs = 1_000;
const quickestSlowAskMs = 200;
const askShareMs = 2;
/** While answers are out, whoever has answered may be due again: one that hangs must not hold the others to its pace. */
const inFlightLookMs = 50;
const openConnectionAskMs = 500;
/**
 * The sidecars of one pass, each asked at its own pace: one that hangs holds no other back.
 *
 * Pods are known by uid and container start, so that a restarted sidecar is a new one.
 */
export class SidecarRound {
  readonly #ports: ClusterPorts;
  readonly #wanted: Wanted;
  readonly #options: RoundOptions;
  readonly #pokes: Pokes;
  readonly #turns = new Turns();
  /** Passes that run at a time begin at different sidecars of a large mesh, and leave each other's out. */
  readonly #beginsAt = Math.random();
  #checks = new Map<string, Check>();
  #inFlight = 0;
  /** Of the requests in flight: one promise for all, since every wait on each of thousands would stay in memory with it. */
  #allAnswered = Promise.withResolvers<void>();
  #failure: unknown;
  #isOver = false;

  constructor(ports: ClusterPorts, log: PassLog, wanted: Wanted, options: RoundOptions) {
    this.#ports = ports;
    this.#pokes = new Pokes(ports, log);
    this.#wanted = wanted;
    this.#options = options;
  }

  /** Takes over a list of pods: those gone are forgotten, those known keep their state. */
  adopt(pods: readonly ObservedPod[], options: Adoption): void {
    const now = this.#ports.nowMs();
    const due = new Set(podsToAsk(pods, this.#wanted, options.everybody, options.suspects, now));
    const next = new Map<string, Check>();
    for (const pod of runningSidecars(pods)) {
      const key = keyOf(pod);
      const isDue = due.has(pod) || isAltered(pod, this.#options);
      const check = this.#checks.get(key) ?? newCheck(pod, wantedDigestOf(pod, this.#wanted), isDue, options, now);
      check.pod = pod;
      if (check.state === "not-asked" && check.canBeVouchedFor && !isDue) check.state = "trusted";
      next.set(key, check);
    }
    this.#checks = next;
  }

  /** In the order in which they are asked. */
  get #inOrder(): Iterable<Check> {
    if (this.#checks.size <= mostAtATime) return this.#checks.values();
    const checks = [...this.#checks.values()];
    const first = Math.floor(this.#beginsAt * checks.length);
    return [...checks.slice(first), ...checks.slice(0, first)];
  }

  /** An answer from before: it counts for the switch alone, and the sidecar is asked as if it had not been heard. */
  hear(pod: ObservedPod, answer: Answer): void {
    const check = this.#checks.get(keyOf(pod));
    if (check?.state !== "not-asked") return;
    const state = podState(
      pod,
      answer,
      wantedDigestOf(pod, this.#wanted) ?? "no configuration",
      Number.POSITIVE_INFINITY,
    );
    if (state.kind === "differs" && state.egress === this.#wanted.target.egress) check.state = state;
  }

  get #slowestMs(): number {
    return Math.min(slowestAskMs, Math.max(quickestSlowAskMs, this.#checks.size * askShareMs));
  }

  /** Answers that are still out come too late for anything. */
  end(): void {
    this.#isOver = true;
    this.#pokes.end();
  }

  get checked(): readonly CheckedPod[] {
    return [...this.#checks.values()];
  }

  /** Some have not answered yet. */
  get isAwaited(): boolean {
    return this.#unheard.length > 0;
  }

  /** Nobody has. */
  get isUnheard(): boolean {
    return this.#checks.size > 0 && this.#unheard.length === this.#checks.size;
  }

  /** Among them are some whose ConfigMap this pass has rewritten, and nobody has found that to run since. */
  get isUnderSuspicion(): boolean {
    return this.#unheard.some((check) => check.doubted);
  }

  get #unheard(): readonly Check[] {
    return [...this.#checks.values()].filter((check) => check.state === "not-asked");
  }

  /** Something is still to be learnt from asking, or a request is out: whoever runs the pass may freeze when it ends. */
  get unresolved(): boolean {
    return this.#inFlight > 0 || [...this.#checks.values()].some((check) => this.#isOpen(check));
  }

  /** Asks whoever is due, and comes back when all have answered, or after a while. */
  async step(tickMs: number): Promise<void> {
    const now = this.#ports.nowMs();
    let nextMs = tickMs;
    for (const check of this.#inOrder) {
      if (check.asking || !this.#isOpen(check)) continue;
      if (check.nextAskMs <= now) this.#ask(check);
      else nextMs = Math.min(nextMs, check.nextAskMs - now);
    }
    if (this.#inFlight > 0) {
      await Promise.race([this.#allAnswered.promise, this.#ports.sleep(Math.min(nextMs, inFlightLookMs))]);
    } else {
      await this.#ports.sleep(nextMs);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #isOpen(check: Check): boolean {
    return isOpen(check, this.#options, this.#wanted.target.egress, this.#ports.nowMs());
  }

  #ask(check: Check): void {
    check.asking = true;
    if (this.#inFlight === 0) this.#allAnswered = Promise.withResolvers<void>();
    this.#inFlight++;
    void this.#turns
      .take(() => this.#askNow(check))
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        check.asking = false;
        this.#inFlight--;
        if (this.#inFlight === 0) this.#allAnswered.resolve();
      });
  }

  async #askNow(check: Check): Promise<void> {
    // While it waited for its turn it may have gone, or another pass has verified it; for no longer time than it had.
    if (this.#isOver || this.#checks.get(keyOf(check.pod)) !== check || check.state === "trusted") return;
    await this.#learn(check, await this.#ports.ask(check.pod));
  }

  async #learn(check: Check, answer: Answer): Promise<void> {
    if (this.#isOver) return;
    const digest = wantedDigestOf(check.pod, this.#wanted);
    const now = this.#ports.nowMs();
    if (answer.kind === "answered") check.refusedBefore ??= answer.says.refusedUpdates;
    const state: PodState =
      answer.kind === "answered" && isAltered(check.pod, this.#options)
        ? { kind: "altered", egress: undefined }
        : podState(check.pod, answer, digest ?? "no configuration", check.refusedBefore ?? 0);
    check.state = state;
    if (state.kind === "altered") return;
    if (state.kind === "verified" && digest !== undefined) {
      if (state.draining > 0) check.drainingSinceMs ??= now;
      check.nextAskMs = now + (state.openEgress > 0 ? openConnectionAskMs : drainSeconds * 1_000);
      // What its annotation said when pods were listed is gone if it was poked since.
      if (check.noted || (!check.poked && isPokedFor(check.pod, digest, now))) return;
      check.noted = true;
      check.pokedAtMs = now;
      check.repokes = 0;
      await this.#poke(check, digest);
      return;
    }
    check.paceMs = Math.min(check.paceMs * askGrowth, this.#slowestMs);
    check.nextAskMs = now + check.paceMs;
    // Without a configuration there is nothing to poke for, and no time to begin anew.
    if (check.pod.terminating || digest === undefined || isLeft(check, this.#options)) return;
    if (!check.poked) {
      const isPokedAlready = noteFor(check.pod, digest, now) !== undefined;
      if (isPokedAlready && (state.kind === "silent" || !this.#options.isPatient)) return;
      check.sinceMs = now;
      check.pokedAtMs = now;
      await this.#poke(check, digest);
    } else if (now - check.sinceMs >= (repokeAfterMs[check.repokes] ?? Number.POSITIVE_INFINITY)) {
      check.repokes++;
      await this.#poke(check, digest);
    }
  }

  async #poke(check: Check, digest: string): Promise<void> {
    check.poked = true;
    const sentMs = this.#ports.nowMs();
    const refusal = await this.#pokes.send(check.pod, {
      digest,
      atMs: check.pokedAtMs,
      ...(check.repokes > 0 ? { again: check.repokes } : {}),
      ...(check.noted ? {} : { unverified: true }),
    });
    check.unpoked = refusal?.message;
    this.#turns.note(refusal?.retry !== "backoff", sentMs, this.#ports.nowMs());
  }
}

function keyOf({ uid, sidecarStartedAtMs }: ObservedPod): string {
  return `${uid} ${sidecarStartedAtMs}`;
}
