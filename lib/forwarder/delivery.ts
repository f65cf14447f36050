import { setTimeout as pause } from "node:timers/promises";
import type { BusEntry } from "../events/fields.ts";
import { emptyOutbox, giveBack, put, take } from "./outbox.ts";

/** Where events go. Gives back those that did not get in, in their order; a throw means none did. */
export type SendEvents = (events: readonly BusEntry[]) => Promise<readonly BusEntry[]>;

export interface DeliveryFigures {
  readonly sent: number;
  readonly refused: number;
  readonly absorbed: number;
  readonly waiting: number;
}

export interface Delivery {
  post(event: BusEntry, urgent: boolean): void;
  figures(): DeliveryFigures;
  /** For how long, in ms, something has been waiting while no whole batch got in; 0 when nothing waits. */
  unsentMs(): number;
  /** Ends when everything posted is in, or the time is over. Nothing may be posted after it. */
  close(patienceMs: number): Promise<void>;
}

const firstRetryMs = 100;
const maxRetryMs = 5_000;

/**
 * Sends in order, one batch at a time, and again until it is in.
 *
 * @param onTaken  told of every batch that got in, whole or in part, and how long that took
 * @param wait     before it tries again, in ms; the signal ends it early
 */
export function startDelivery(
  send: SendEvents,
  onTrouble: (trouble: unknown, refused: number) => void,
  onTaken: (events: number, tookMs: number) => void = () => undefined,
  wait: (ms: number, signal: AbortSignal) => Promise<unknown> = (ms, signal) => pause(ms, undefined, { signal }),
): Delivery {
  let outbox = emptyOutbox<BusEntry>();
  let sent = 0;
  let refused = 0;
  let failures = 0;
  let sending = 0;
  let unsentSinceMs: number | undefined;
  let news = Promise.withResolvers<void>();
  const abandoned = new AbortController();
  let closing = false;

  async function deliver(): Promise<void> {
    while (!abandoned.signal.aborted) {
      if (outbox.waiting.length === 0) {
        if (closing) return;
        await news.promise;
        news = Promise.withResolvers();
        continue;
      }
      await sendOne();
    }
  }

  async function sendOne(): Promise<void> {
    const taken = take(outbox);
    outbox = taken.outbox;
    sending = taken.batch.length;
    const beganMs = performance.now();
    const failed = await attempt(taken.batch.map(({ event }) => event));
    const inNow = taken.batch.length - failed.length;
    if (inNow > 0) onTaken(inNow, Math.round(performance.now() - beganMs));
    sending = 0;
    outbox = giveBack(
      outbox,
      taken.batch.filter(({ event }) => failed.includes(event)),
    );
    sent += inNow;
    refused += failed.length;
    failures = failed.length === 0 ? 0 : failures + 1;
    if (failures === 0) {
      unsentSinceMs = outbox.waiting.length === 0 ? undefined : performance.now();
      return;
    }
    const delayMs = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2);
    await wait(delayMs, abandoned.signal).catch(() => undefined);
  }

  async function attempt(events: readonly BusEntry[]): Promise<readonly BusEntry[]> {
    try {
      const failed = await send(events);
      if (failed.length > 0) onTrouble(undefined, failed.length);
      return failed;
    } catch (error) {
      onTrouble(error, events.length);
      return events;
    }
  }

  const done = deliver();
  return {
    post(event, urgent) {
      outbox = put(outbox, { event, urgent });
      unsentSinceMs ??= performance.now();
      news.resolve();
    },
    unsentMs: () => (unsentSinceMs === undefined ? 0 : performance.now() - unsentSinceMs),
    figures: () => ({ sent, refused, absorbed: outbox.absorbed, waiting: outbox.waiting.length + sending }),
    async close(patienceMs) {
      closing = true;
      news.resolve();
      const patience = setTimeout(() => abandoned.abort(), patienceMs);
      await Promise.race([done, new Promise((resolve) => abandoned.signal.addEventListener("abort", resolve))]);
      clearTimeout(patience);
    },
  };
}
