import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionProcess } from "../function-process.ts";
import { Message, maxReceives } from "../message.ts";
import type { StandInAws } from "../stand-in-aws.ts";

const lookMs = 50;
/** A tenth of what a killed pass asks for. */
const backAfterMs = 1_500;
const scheduleMs = 10_000;

/** A place where one pass runs at a time; empty while its process is gone. */
export interface Slot {
  process: FunctionProcess | undefined;
}

/**
 * What EventBridge and SQS do with the forwarder's events, and the scheduler: each message goes to whichever process is
 * free, and comes back after a failure until it is a dead letter.
 */
export class SoakQueue {
  readonly #aws: StandInAws;
  readonly #waiting: Message[] = [];
  readonly #running: Promise<void>[];
  #underWay = 0;
  #endedMs = Date.now();
  #isOver = false;
  done = 0;
  failed = 0;
  dead = 0;

  constructor(aws: StandInAws, slots: readonly Slot[]) {
    this.#aws = aws;
    this.#running = [...slots.map((slot) => this.#serve(slot)), this.#schedule()];
  }

  /** Nothing waits, and nothing is under way. */
  get isEmpty(): boolean {
    this.#collect();
    return this.#waiting.length === 0 && this.#underWay === 0;
  }

  /** Since the last delivery ended; 0 while anything waits or is under way. */
  get idleMs(): number {
    return this.isEmpty ? Date.now() - this.#endedMs : 0;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  #collect(): void {
    for (const event of this.#aws.events.splice(0)) {
      if (event.source === "osm.forwarder") this.#waiting.push(new Message(event));
    }
  }

  async #schedule(): Promise<void> {
    for (let dueMs = Date.now() + scheduleMs; !this.#isOver; await sleep(lookMs)) {
      if (Date.now() < dueMs) continue;
      dueMs = Date.now() + scheduleMs;
      this.#waiting.push(new Message("drift"));
    }
  }

  async #serve(slot: Slot): Promise<void> {
    while (!this.#isOver) {
      this.#collect();
      const { process } = slot;
      const message = process && this.#waiting.shift();
      if (!message) {
        await sleep(lookMs);
        continue;
      }
      this.#underWay++;
      const how = await message.deliverTo(process);
      if (how === "done") this.done++;
      else if (message.receives === maxReceives) this.dead++;
      else {
        this.failed++;
        await sleep(backAfterMs);
        this.#waiting.push(message);
      }
      this.#underWay--;
      this.#endedMs = Date.now();
    }
  }
}
