import { EgressError } from "#lib/errors.ts";
import type { Clock } from "../scripted/clock.ts";

/** What befalls a process at one of its steps, before or after the step's effect. */
export type Fault =
  /** The process ends, and nothing of it runs any more. */
  | { readonly kind: "kill"; readonly when: "before" | "after" }
  /** Nothing of the process runs for so long; then it goes on as if nothing had been. */
  | { readonly kind: "freeze"; readonly when: "before" | "after"; readonly forMs: number }
  /** A refusal for now: 429, 503; nothing was carried out. */
  | { readonly kind: "refusal" }
  /** The connection breaks, before the request was carried out or after. */
  | { readonly kind: "no answer"; readonly when: "before" | "after" }
  /** The connection breaks, and so much later the request is carried out nonetheless. */
  | { readonly kind: "late"; readonly byMs: number }
  | { readonly kind: "delay"; readonly byMs: number };

/** One await of a process: what every fault is aimed at. */
export interface Step {
  /** Counted over the whole system, from 0. */
  readonly index: number;
  /** `pass-3`, `forwarder-1`, `schedule-1`. */
  readonly process: string;
  /** The port's verb, e.g. `applyConfigMap`, `hide`, `PutEvents`. */
  readonly verb: string;
  /** What it is done to, e.g. `shop/osm-sidecar.web`; empty where the verb says it all. */
  readonly object: string;
}

export type Faults = (step: Step) => Fault | undefined;
export const calm: Faults = () => undefined;

/** What was done at a step, as the API server or AWS carried it out. */
export type Effect<T> = () => Promise<T>;

/** Tells of steps; every process of a system has the same one. */
export interface Seam {
  readonly clock: Clock;
  begin(process: string, verb: string, object: string): { readonly step: Step; readonly fault: Fault | undefined };
}

/**
 * A process whose every await is a step. Killed, it does not fail: it says nothing any more, and neither do its timers.
 * What it had sent is carried out all the same.
 */
export class Process {
  readonly name: string;
  readonly startedMs: number;
  readonly #seam: Seam;
  readonly #died = Promise.withResolvers<"killed">();
  #isDead = false;
  #thawedAtMs = 0;

  constructor(name: string, seam: Seam) {
    this.name = name;
    this.#seam = seam;
    this.startedMs = seam.clock.nowMs();
  }

  /** Resolves when it is killed. */
  get died(): Promise<"killed"> {
    return this.#died.promise;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isFrozen(): boolean {
    return this.#thawedAtMs > this.#seam.clock.nowMs();
  }

  kill(): void {
    this.#isDead = true;
    this.#died.resolve("killed");
  }

  /** Resolves when the process runs, which may be never. */
  async alive(): Promise<void> {
    while (!this.#isDead && this.isFrozen) await this.#seam.clock.sleep(this.#thawedAtMs - this.#seam.clock.nowMs());
    if (this.#isDead) await new Promise<never>(() => undefined);
  }

  async sleep(ms: number): Promise<void> {
    await this.#seam.clock.sleep(ms);
    await this.alive();
  }

  /**
   * @param unavailable  how this step's client tells that there was no answer, or one that says: not now
   * @throws             what the effect throws, and what `unavailable` makes
   */
  async step<T>(
    verb: string,
    object: string,
    effect: Effect<T>,
    unavailable: Unavailable = apiUnavailable,
  ): Promise<T> {
    await this.alive();
    const { step, fault } = this.#seam.begin(this.name, verb, object);
    if (fault === undefined) return this.#answer(effect);
    const what = `${step.verb} ${step.object}`.trim();
    switch (fault.kind) {
      case "kill":
      case "freeze":
        if (fault.when === "before") await this.#strike(fault);
        if (fault.when === "before") return this.#answer(effect);
        return this.#answer(effect, async () => this.#strike(fault));
      case "refusal":
        await this.#seam.clock.sleep(1);
        await this.alive();
        throw unavailable(`${what}: 503 not now`);
      case "no answer":
        if (fault.when === "after") await effect().catch(() => undefined);
        await this.#seam.clock.sleep(1);
        await this.alive();
        throw unavailable(`${what}: no answer`, new Error("socket closed"));
      case "late":
        this.#seam.clock.after(fault.byMs, () => void effect().catch(() => undefined));
        await this.#seam.clock.sleep(1);
        await this.alive();
        throw unavailable(`${what}: no answer`, new Error("socket closed"));
      case "delay":
        await this.sleep(fault.byMs);
        return this.#answer(effect);
    }
  }

  async #answer<T>(effect: Effect<T>, then: () => Promise<void> = () => this.alive()): Promise<T> {
    try {
      return await effect();
    } finally {
      await then();
    }
  }

  async #strike(fault: Extract<Fault, { kind: "kill" | "freeze" }>): Promise<void> {
    if (fault.kind === "kill") this.kill();
    else this.#thawedAtMs = this.#seam.clock.nowMs() + fault.forMs;
    await this.alive();
  }
}

export type Unavailable = (what: string, cause?: Error) => Error;

/** With a cause where nobody knows whether it was carried out. */
const apiUnavailable: Unavailable = (what, cause) => new EgressError("api-unavailable", what, cause);
export const awsUnavailable: Unavailable = (what, cause) => new EgressError("aws-unavailable", what, cause);
