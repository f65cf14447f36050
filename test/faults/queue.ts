import type { SQSEvent, SQSRecord } from "aws-lambda";
import type { Clock } from "../scripted/clock.ts";

interface Stored {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  receiveCount: number;
  visibleAtMs: number;
  receipt: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly body: string;
  /** Absent where the queue itself gave up. */
  readonly problem?: string;
}

export interface QueueOptions {
  /** Of the queue: for a message whose pass has not said otherwise. */
  readonly visibilityMs: number;
  readonly maxReceives: number;
  /** Passes at the same time. */
  readonly concurrency: number;
  /** Which of so many messages comes next; the first by default. */
  readonly pick?: (count: number) => number;
}

/** A standard queue with its dead letters, and the event source mapping that gives its messages to a function, one by one. */
export class ScriptedQueue {
  readonly dead: DeadLetter[] = [];
  readonly #clock: Clock;
  readonly #options: QueueOptions;
  readonly #invoke: (event: SQSEvent) => Promise<"done" | "failed" | "killed">;
  #stored: Stored[] = [];
  #running = 0;
  #count = 0;

  constructor(clock: Clock, options: QueueOptions, invoke: (event: SQSEvent) => Promise<"done" | "failed" | "killed">) {
    this.#clock = clock;
    this.#options = options;
    this.#invoke = invoke;
  }

  /** Messages that are neither done with nor dead. */
  get size(): number {
    return this.#stored.length;
  }

  send(body: string, attributes: Readonly<Record<string, string>> = {}, id = `message-${++this.#count}`): void {
    this.#stored.push({ id, body, attributes, receiveCount: 0, visibleAtMs: this.#clock.nowMs(), receipt: "" });
    this.#look();
  }

  /** By the receipt of the latest delivery; an older one hides nothing. */
  hide(receipt: string, forMs: number): void {
    const message = this.#stored.find((one) => one.receipt === receipt);
    if (message) this.#hideFor(message, forMs);
  }

  deadLetter(letter: DeadLetter): void {
    this.dead.push(letter);
  }

  #hideFor(message: Stored, forMs: number): void {
    message.visibleAtMs = this.#clock.nowMs() + forMs;
    this.#clock.after(forMs, () => this.#look());
  }

  #look(): void {
    for (;;) {
      const visible = this.#stored.filter(({ visibleAtMs }) => visibleAtMs <= this.#clock.nowMs());
      const spent = visible.find(({ receiveCount }) => receiveCount >= this.#options.maxReceives);
      if (spent) {
        this.#stored = this.#stored.filter((one) => one !== spent);
        this.dead.push({ id: spent.id, body: spent.body });
        continue;
      }
      const message = visible[this.#options.pick?.(visible.length) ?? 0];
      if (!message || this.#running >= this.#options.concurrency) return;
      void this.#deliver(message);
    }
  }

  async #deliver(message: Stored): Promise<void> {
    message.receiveCount++;
    message.receipt = `${message.id} ${message.receiveCount}`;
    this.#hideFor(message, this.#options.visibilityMs);
    this.#running++;
    const outcome = await this.#invoke({ Records: [recordOf(message)] });
    this.#running--;
    if (outcome === "done") this.#stored = this.#stored.filter((one) => one !== message);
    this.#look();
  }
}

function recordOf({ id, body, attributes, receiveCount, receipt }: Stored): SQSRecord {
  const messageAttributes = Object.fromEntries(
    Object.entries(attributes).map(([name, stringValue]) => [name, { stringValue, dataType: "String" }]),
  );
  return {
    messageId: id,
    receiptHandle: receipt,
    body,
    attributes: { ApproximateReceiveCount: String(receiveCount) },
    messageAttributes,
  } as unknown as SQSRecord;
}
