import { InvalidArgumentError } from "commander";

/** Parser for options in seconds. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("A number above 0 is wanted.");
  return value;
}
