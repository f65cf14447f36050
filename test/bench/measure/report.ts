import { execFile } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { promisify } from "node:util";
import Table from "cli-table3";
import type { Row } from "./row.ts";

/** Everything that one run found, as it is written as JSON. */
export interface Report {
  readonly startedAt: string;
  readonly tookS: number;
  /** Of the checkout; with `+` when it had changes. */
  readonly commit: string;
  readonly machine: {
    readonly cpus: number;
    readonly cpu: string;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
    /** Of the last minute, at the beginning: a machine that is busy already gives no good figures. */
    readonly loadBefore: number;
  };
  readonly groups: readonly Group[];
}

export interface Group {
  /** As `--only` takes it. */
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** What a reader of the figures must know. */
  readonly notes: readonly string[];
  /** For programs. */
  readonly found?: unknown;
}

export async function openReport(): Promise<Omit<Report, "groups" | "tookS">> {
  const git = async (...args: readonly string[]) =>
    (await promisify(execFile)("git", args, { cwd: import.meta.dirname })).stdout.trim();
  const commit = await git("rev-parse", "--short", "HEAD").catch(() => "unknown");
  const changed = await git("status", "--porcelain", "--untracked-files=no").catch(() => "");
  const [first] = cpus();
  return {
    startedAt: new Date().toISOString(),
    commit: changed === "" ? commit : `${commit}+`,
    machine: {
      cpus: cpus().length,
      cpu: first?.model ?? "unknown",
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.version,
      loadBefore: loadavg()[0] ?? 0,
    },
  };
}

/** For a terminal. */
export function groupText({ title, rows, notes }: Group): string {
  const table = new Table({
    head: ["figure", "unit", "n", "min", "median", "max", "beside", "ratio", "wanted"],
    colAligns: ["left", "left", "right", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      row.figure,
      row.unit,
      row.n,
      number(row.min),
      number(row.median),
      number(row.max),
      row.beside === undefined ? "" : `${row.beside.what} ${number(row.beside.value)}`,
      row.ratio === undefined ? "" : row.ratio.toFixed(2),
      row.wantedRatio === undefined ? "" : `≤ ${row.wantedRatio}`,
    ]);
  }
  return [title, table.toString(), ...notes.map((note) => `  ${note}`), ""].join("\n");
}

function number(value: number): string {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}
