import { setTimeout as sleep } from "node:timers/promises";

interface Patience {
  /** Default 15 s. */
  readonly withinMs?: number;
  /** Between two looks. Default 50 ms. */
  readonly everyMs?: number;
  /** True: nothing can come of it any more. */
  readonly unless?: () => boolean;
  /** For the error: what there is instead, or where to look. */
  readonly tell?: () => string | Promise<string>;
}

/**
 * Looks until something comes of it: anything but undefined and false. A look that throws has seen nothing.
 *
 * @param what  what is waited for, for the error
 * @throws after the time, with what the last look threw as its cause
 */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 15_000, everyMs = 50, unless = () => false, tell = () => "" }: Patience = {},
): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    let cause: unknown;
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
    } catch (error) {
      cause = error;
    }
    const hopeless = unless();
    if (hopeless || performance.now() > endMs) {
      const told = await tell();
      const problem = hopeless ? "no more to come" : `not within ${withinMs} ms`;
      throw new Error(`${problem}: ${what}${told === "" ? "" : `; ${told}`}`, { cause });
    }
    await sleep(everyMs);
  }
}
