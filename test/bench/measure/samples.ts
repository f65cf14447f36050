import { max, median, min } from "simple-statistics";

/** What is left of many readings. */
export interface Summary {
  readonly n: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws when there are none: a figure that was not measured is no figure */
export function summaryOf(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error("no samples");
  const values = [...samples];
  return { n: values.length, min: min(values), median: median(values), max: max(values) };
}
