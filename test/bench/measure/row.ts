import { type Summary, summaryOf } from "./samples.ts";

export type Unit = "ms" | "calls" | "events" | "metrics" | "bytes" | "KiB" | "MiB" | "pods";

/** One line of the result. */
export interface Row extends Summary {
  readonly figure: string;
  readonly unit: Unit;
  /** What the median is held against: a floor of the same run, or the design's own figure. */
  readonly beside?: { readonly what: string; readonly value: number };
  /** Median over that value; absent where the value is 0. */
  readonly ratio?: number;
  /** The ratio that the design allows. */
  readonly wantedRatio?: number;
}

/** A design's figure is the value itself, and the ratio wanted 1; a floor's ratio is given. */
export type Beside =
  | { readonly design: number }
  | { readonly floor: readonly number[]; readonly what?: string; readonly wantedRatio?: number };

export function row(figure: string, unit: Unit, samples: readonly number[], beside?: Beside): Row {
  const summary = summaryOf(samples);
  const plain = { figure, unit, ...summary };
  if (beside === undefined) return plain;
  if ("design" in beside) {
    const { design } = beside;
    return {
      ...plain,
      beside: { what: "design", value: design },
      ...ratioOf(summary.median, design),
      ...(design === 0 ? {} : { wantedRatio: 1 }),
    };
  }
  const { floor, what = "floor", wantedRatio } = beside;
  const value = summaryOf(floor).median;
  return {
    ...plain,
    beside: { what, value },
    ...ratioOf(summary.median, value),
    ...(wantedRatio === undefined ? {} : { wantedRatio }),
  };
}

function ratioOf(value: number, by: number): { readonly ratio?: number } {
  return by === 0 ? {} : { ratio: value / by };
}
