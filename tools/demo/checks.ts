import { verdict } from "./terminal.ts";

/** What the demo has claimed so far, and what of it did not hold. */
export class Checks {
  readonly #broken: string[] = [];

  /** Shows the fact, or loudly that it is none. */
  expect(holds: boolean, fact: string): void {
    if (!holds) this.#broken.push(fact);
    verdict(holds, holds ? fact : `NOT SO: ${fact}`);
  }

  get broken(): readonly string[] {
    return this.#broken;
  }
}
