/** `npm run bench`: every figure of the design, measured beside its floor. See docs/benchmarks.md. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type BenchMesh, startBenchMesh } from "./measure/bench-mesh.ts";
import { startProgress } from "./measure/progress.ts";
import { type Group, groupText, openReport, type Report } from "./measure/report.ts";
import type { Run } from "./measure/scenario.ts";
import { createSample } from "./real/sample.ts";
import { scenarios } from "./scenarios.ts";

interface Options {
  readonly only?: readonly string[];
  readonly rounds?: number;
  readonly output: "table" | "json";
  readonly json: string;
}

const names = scenarios.map(({ name }) => name);
const asked = scenarios.filter(({ onlyWhenAsked }) => onlyWhenAsked).map(({ name }) => name);

const program = new Command("npm run bench --")
  .description(
    "Measures every figure of the design beside its floor, in worlds of its own. Needs root, as the tests do.",
  )
  .option("--only <names...>", `some of ${names.join(", ")} (default: all but ${asked.join(", ")})`)
  .option("--rounds <n>", "how often everything is done (default: each scenario's own)", positive)
  .addOption(new Option("-o, --output <format>", "on standard output").choices(["table", "json"]).default("table"))
  .option("--json <file>", "where the same is written as JSON", join(import.meta.dirname, "../../dist/bench.json"))
  .action(main);

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("A whole number from 1 on.");
  return value;
}

async function main({ only, rounds, output, json }: Options): Promise<void> {
  const wanted = (only ?? names.filter((name) => !asked.includes(name))).flatMap((name) => name.split(","));
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) program.error(`no figure ${unknown.join(", ")}; there are ${names.join(", ")}`);

  const started = Date.now();
  const head = await openReport();
  const progress = startProgress();
  let real: Promise<BenchMesh> | undefined;
  const run: Run = {
    rounds,
    progress,
    realMesh: () => (real ??= startRealMesh()),
  };
  async function startRealMesh(): Promise<BenchMesh> {
    const bench = await startBenchMesh(progress);
    await createSample(bench);
    return bench;
  }

  const groups: Group[] = [];
  const write = async (): Promise<Report> => {
    const report = { ...head, tookS: Math.round((Date.now() - started) / 1000), groups };
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
    return report;
  };
  try {
    for (const { name, title, measure } of scenarios.filter((each) => wanted.includes(each.name))) {
      progress.step(title);
      const { rows, notes = [], found } = await measure(run);
      const group = { name, title, rows, notes, ...(found === undefined ? {} : { found }) };
      groups.push(group);
      // What is measured is kept, whatever becomes of the rest.
      const report = await write();
      progress.end();
      if (output === "table") console.log(groupText(group));
      else if (groups.length === wanted.length) console.log(JSON.stringify(report, undefined, 2));
    }
  } finally {
    progress.end();
    await (await real?.catch(() => undefined))?.stop();
  }
}

await program.parseAsync();
