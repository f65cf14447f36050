import type { BusEntry } from "#lib/events/fields.ts";
import type { Clock } from "../scripted/clock.ts";
import { stackAccount } from "./function.ts";

/** Longer than most, shorter than anybody would notice. */
const wayMs = 15;

/** EventBridge with its one rule: from an event that is not the reconciler's own to a message in the queue. */
export class ScriptedBus {
  readonly #clock: Clock;
  readonly #toQueue: (body: string) => void;
  /** How often an event arrives, and how much later each time: at least once, in any order. */
  readonly #arrivals: () => readonly number[];
  #count = 0;
  #underWay = 0;

  constructor(clock: Clock, toQueue: (body: string) => void, arrivals: () => readonly number[] = () => [0]) {
    this.#clock = clock;
    this.#toQueue = toQueue;
    this.#arrivals = arrivals;
  }

  /** Arrivals that are still to come. */
  get underWay(): number {
    return this.#underWay;
  }

  put(entries: readonly BusEntry[]): void {
    for (const { source, detailType, detail } of entries) {
      const time = new Date(this.#clock.nowMs()).toISOString();
      const id = `event-${++this.#count}`;
      this.deliver(JSON.stringify({ id, source, account: stackAccount, "detail-type": detailType, time, detail }));
    }
  }

  /** A body as it may also have come from somewhere else. */
  deliver(body: string): void {
    for (const laterMs of this.#arrivals()) {
      this.#underWay++;
      this.#clock.after(wayMs + laterMs, () => {
        this.#underWay--;
        this.#toQueue(body);
      });
    }
  }
}
