import Table from "cli-table3";
import { Option } from "commander";
import { stringify } from "yaml";

export type OutputFormat = "table" | "wide" | "json" | "yaml";

/** `-o`, with the formats that a command has. */
export function outputOption(formats: readonly OutputFormat[]): Option {
  return new Option("-o, --output <format>", "how to print").choices(formats).default("table");
}

/** Columns as kubectl prints them: no lines, two blanks between. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    chars: borderless,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

export function structuredText(format: "json" | "yaml", value: unknown): string {
  return format === "json" ? JSON.stringify(value, null, 2) : stringify(value).trimEnd();
}

const borderless = Object.fromEntries(
  [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
    "middle",
  ].map((name) => [name, ""]),
);
