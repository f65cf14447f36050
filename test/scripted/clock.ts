interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that only the test moves: to the next timer, whenever nothing else can happen. */
export class Clock {
  #nowMs = Date.parse("2026-11-01T12:00:00Z");
  #timers: Timer[] = [];
  #order = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, fire: () => void): void {
    this.#timers.push({ atMs: this.#nowMs + Math.ceil(Math.max(0, ms)), order: this.#order++, fire });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Moves time until the work is done. @throws Error when it waits for something that is no timer, or for ever */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    work.then(mark, mark);
    for (let step = 0; step < 200_000; step++) {
      await drained();
      if (settled) return work;
      if (!this.#step()) throw new Error("the work waits for something that never comes");
    }
    throw new Error("the work does not end");
  }

  /** Lets so much time go by. */
  pass(ms: number): Promise<void> {
    return this.run(this.sleep(ms));
  }

  #step(): boolean {
    const next = this.#timers.reduce<Timer | undefined>(
      (best, timer) => (best && before(best, timer) ? best : timer),
      undefined,
    );
    if (!next) return false;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.fire();
    return true;
  }
}

function before(left: Timer, right: Timer): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

/** Every promise that can go on without a timer has. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
