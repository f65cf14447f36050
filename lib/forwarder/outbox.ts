/** An event on its way; `urgent` ones are never merged while there is room. */
export interface Outgoing<E> {
  readonly event: E;
  readonly urgent: boolean;
}

/** Events in the order in which they go out. */
export interface Outbox<E> {
  readonly waiting: readonly Outgoing<E>[];
  /** Events that were absorbed by one already waiting. */
  readonly absorbed: number;
}

/** Far above what a cluster's people do by hand, and some 100 KB. */
export const maxWaiting = 200;
/** PutEvents takes no more at once. */
export const maxBatch = 10;

export function emptyOutbox<E>(): Outbox<E> {
  return { waiting: [], absorbed: 0 };
}

/**
 * Appends an event, unless one that waits stands for it: events are hints, and one that goes out later than the change
 * leads to the same look. In a full outbox the newest one gives way: order and the last word stay.
 */
export function put<E>(outbox: Outbox<E>, outgoing: Outgoing<E>): Outbox<E> {
  const { waiting, absorbed } = outbox;
  if (!outgoing.urgent && waiting.length > 0) return { waiting, absorbed: absorbed + 1 };
  if (waiting.length < maxWaiting) return { waiting: [...waiting, outgoing], absorbed };
  return { waiting: [...waiting.slice(0, -1), outgoing], absorbed: absorbed + 1 };
}

/** The next events to send. They are no longer waiting: what changes from here on needs an event of its own. */
export function take<E>(outbox: Outbox<E>): { readonly batch: readonly Outgoing<E>[]; readonly outbox: Outbox<E> } {
  return {
    batch: outbox.waiting.slice(0, maxBatch),
    outbox: { ...outbox, waiting: outbox.waiting.slice(maxBatch) },
  };
}

/** Failed events go back to the front, in their order; the ones put since stay behind them. */
export function giveBack<E>(outbox: Outbox<E>, failed: readonly Outgoing<E>[]): Outbox<E> {
  return { ...outbox, waiting: [...failed, ...outbox.waiting] };
}
