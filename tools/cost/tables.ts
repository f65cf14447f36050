import { type Measured, occasionNames } from "./measured.ts";
import { type CostLine, totalOf } from "./model.ts";
import { prices } from "./prices.ts";

export interface Column {
  readonly clusters: number;
  readonly lines: readonly CostLine[];
}

/** Dollars per month, a column for each number of clusters. Markdown, as all tables here are. */
export function costTable(columns: readonly Column[]): string {
  const [first] = columns;
  const names = first?.lines.map(({ what }) => what) ?? [];
  const dollarsOf = ({ lines }: Column, what: string) => lines.find((line) => line.what === what)?.dollars ?? 0;
  return table(
    ["dollars per month", ...columns.map(({ clusters }) => clustersText(clusters))],
    [
      ...names.map((what) => [what, ...columns.map((column) => cents(dollarsOf(column, what)))]),
      ["**all**", ...columns.map(({ lines }) => `**${cents(totalOf(lines))}**`)],
    ],
  );
}

/** How often, at which price. */
export function arithmeticTable({ clusters, lines }: Column): string {
  return table(
    [clustersText(clusters), "in a month", "at", "dollars"],
    lines.map(({ what, quantity, price, dollars }) => [
      what,
      `${count(quantity)} ${price.unit}`,
      price.per === 1 ? `$${price.dollars}` : `$${price.dollars} for ${count(price.per)}`,
      cents(dollars),
    ]),
  );
}

export function pricesTable(): string {
  return table(
    ["price", "dollars", "for", "source", "read at"],
    Object.entries(prices).map(([name, { dollars, per, unit, source, readAt }]) => [
      name,
      String(dollars),
      `${count(per)} ${unit}`,
      source,
      readAt,
    ]),
  );
}

/** What each occasion sets in motion, function by function. */
export function measuredTable({ occasions }: Measured): string {
  return table(
    ["occasion", "function", "invocations", "billed, ms", "MiB", "log, bytes", "events", "AWS calls"],
    occasionNames.flatMap((name) => {
      const { functions, events, calls } = occasions[name];
      const said = Object.entries(calls).map(([call, times]) => `${call} ${times}`);
      return Object.entries(functions).map(([fn, use], at) => [
        at === 0 ? name : "",
        fn,
        count(use.invocations),
        count(use.billedMs),
        count(use.memoryMiB),
        count(use.logBytes),
        at === 0 ? count(events) : "",
        at === 0 ? said.join(", ") : "",
      ]);
    }),
  );
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function clustersText(clusters: number): string {
  return clusters === 1 ? "1 cluster" : `${clusters} clusters`;
}

export function cents(dollars: number): string {
  return dollars.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
}
