import pLimit from "p-limit";

/** What a connection keeps in flight. */
export const mostAtATime = 64;
export const fewestAtATime = 8;
const growth = 1.25;

/**
 * How many sidecars are dealt with at a time. Each keeps its turn from the question to the poke that follows, so that a
 * pass which runs short of time leaves notes of those it has verified, however many are waiting to be asked.
 *
 * An API server that is out of breath gets half as many, and a quarter more after every round of pokes that it has taken
 * since: the passes of a mesh that grows by thousands would otherwise keep it so, and none of them get anywhere. Only pokes
 * tell, since a question that is not answered may be the sidecar's own fault; and only most of a round of them, since a pod
 * that cannot be poked may be its namespace's.
 */
export class Turns {
  readonly #limit = pLimit(mostAtATime);
  #taken = 0;
  #refused = 0;
  #changedMs = Number.NEGATIVE_INFINITY;

  get atATime(): number {
    return this.#limit.concurrency;
  }

  take<T>(deal: () => Promise<T>): Promise<T> {
    return this.#limit(deal);
  }

  /**
   * What became of a poke.
   *
   * @param wasTaken  false where the API server refused it, or did not answer, for want of breath
   * @param sentMs    what was sent before the last change tells of the pace before it
   */
  note(wasTaken: boolean, sentMs: number, nowMs: number): void {
    if (sentMs <= this.#changedMs) return;
    if (wasTaken) this.#taken++;
    else this.#refused++;
    if (this.#taken + this.#refused < this.atATime) return;
    const next = this.#refused > this.#taken ? this.atATime / 2 : this.atATime * (this.#refused === 0 ? growth : 1);
    this.#taken = 0;
    this.#refused = 0;
    const bounded = Math.min(mostAtATime, Math.max(fewestAtATime, Math.floor(next)));
    if (bounded === this.atATime) return;
    this.#limit.concurrency = bounded;
    this.#changedMs = nowMs;
  }
}
