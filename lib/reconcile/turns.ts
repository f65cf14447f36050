import pLimit from "p-limit";

/** What a connection keeps in flight. */
export const mostAtATime = 64;
export const fewestAtATime = 4;

/**
 * How many sidecars are dealt with at a time. Each keeps its turn from the question to the poke that follows, so that a
 * pass which runs short of time leaves notes of those it has verified, however many are waiting to be asked.
 *
 * An API server that is out of breath gets half as many, and one more for every round of pokes that it has taken since:
 * the passes of a mesh that grows by thousands would otherwise keep it so, and none of them get anywhere. Only pokes tell,
 * since a question that is not answered may be the sidecar's own fault.
 */
export class Turns {
  readonly #limit = pLimit(mostAtATime);
  #takenSince = 0;
  #halvedMs = Number.NEGATIVE_INFINITY;

  get atATime(): number {
    return this.#limit.concurrency;
  }

  take<T>(deal: () => Promise<T>): Promise<T> {
    return this.#limit(deal);
  }

  /** A poke was taken. */
  taken(): void {
    this.#takenSince++;
    if (this.#takenSince < this.atATime || this.atATime === mostAtATime) return;
    this.#takenSince = 0;
    this.#limit.concurrency++;
  }

  /** A poke was refused, or not answered, for want of breath. @param sentMs  what was sent before the last halving says nothing new */
  refused(sentMs: number, nowMs: number): void {
    if (sentMs <= this.#halvedMs) return;
    this.#halvedMs = nowMs;
    this.#takenSince = 0;
    this.#limit.concurrency = Math.max(fewestAtATime, Math.floor(this.atATime / 2));
  }
}
