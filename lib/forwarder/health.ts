/** An event that has been on its way for this long is not getting out. */
export const maxUnsentMs = 60_000;

/**
 * Whether the forwarder does what it is there for: hears of changes, and gets events out. Told the time; milliseconds of
 * a clock that never goes back.
 */
export class Health {
  readonly #watches: ReadonlyMap<string, number>;
  readonly #heardAtMs = new Map<string, number>();

  /** @param watches  by name: for how long a good one may say nothing, while it reopens or nothing happens */
  constructor(watches: ReadonlyMap<string, number>) {
    this.#watches = watches;
  }

  /** The API server has answered this watch as it should. */
  hear(watch: string, nowMs: number): void {
    this.#heardAtMs.set(watch, nowMs);
  }

  /**
   * What is wrong, in words; empty when all is well.
   *
   * @param unsentMs  for how long events have been waiting that do not get in; 0: none are
   */
  ailments(nowMs: number, unsentMs: number): readonly string[] {
    const deaf = [...this.#watches].flatMap(([watch, maxSilenceMs]) => {
      const heardAtMs = this.#heardAtMs.get(watch);
      if (heardAtMs === undefined) return [`watch ${watch}: not open yet`];
      const quietMs = nowMs - heardAtMs;
      return quietMs > maxSilenceMs ? [`watch ${watch}: nothing heard for ${seconds(quietMs)}`] : [];
    });
    return unsentMs > maxUnsentMs ? [...deaf, `events not in for ${seconds(unsentMs)}`] : deaf;
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
