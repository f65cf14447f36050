/** How often the lines of the road are walked: a few times in the gate, in full before a release. */
export const isFull = process.env["OSM_TEST_COUNTS"] === "full";

/** One seed for a run; the runner prints it, and it can be given again. */
export const runSeed = Number(process.env["OSM_TEST_SEED"] ?? 1);

/** All of them in the full counts; in the gate one, by the run's seed. */
export function someOf<T>(all: readonly T[]): readonly T[] {
  return isFull ? all : all.slice(runSeed % all.length).slice(0, 1);
}

/** Small seeded generator (mulberry32): what is random in a test must be repeatable. @returns numbers in [0, 1) */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
