/**
 * What the AWS side costs in a month: measured counts, list prices, assumptions.
 *
 *   node tools/cost.ts [--clusters 1 50 500] [--audit-log] [--measured dist/bench.json]
 *
 * --measured: takes over what `npm run bench -- --only cost` found, into tools/cost/measured.json.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { assumed, assumedAuditLog } from "./cost/assumed.ts";
import type { Measured } from "./cost/measured.ts";
import { monthlyCost, type StackCounts } from "./cost/model.ts";
import { arithmeticTable, type Column, costTable, measuredTable, pricesTable } from "./cost/tables.ts";
import { readServerlessFile } from "./package/serverless-file.ts";

const measuredFile = join(import.meta.dirname, "cost/measured.json");
export const clusterNumbers = [1, 50, 500];

export async function readMeasured(): Promise<Measured> {
  return JSON.parse(await readFile(measuredFile, "utf8")) as Measured;
}

/** What serverless.yml has of everything that is billed by its being there. */
export async function readStackCounts(): Promise<StackCounts> {
  const { Resources } = (await readServerlessFile()).resources;
  const of = (type: string) => Object.values(Resources).filter(({ Type }) => Type === type).length;
  return {
    alarms: of("AWS::CloudWatch::Alarm"),
    dashboards: of("AWS::CloudWatch::Dashboard"),
    secrets: of("AWS::SecretsManager::Secret"),
  };
}

interface Options {
  readonly clusters: readonly number[];
  readonly auditLog?: true;
  readonly measured?: string;
}

async function main(options: Options): Promise<void> {
  if (options.measured !== undefined) await takeOver(options.measured);
  const [measured, stack] = await Promise.all([readMeasured(), readStackCounts()]);
  const auditLog = options.auditLog ? assumedAuditLog : undefined;
  const columns: readonly Column[] = options.clusters.map((clusters) => ({
    clusters,
    lines: monthlyCost(measured, { ...assumed, auditLog, clusters }, stack),
  }));
  const assumptions = Object.entries({ ...assumed, auditLog: auditLog ?? "off" });
  const tables = [
    costTable(columns),
    ...columns.map(arithmeticTable),
    `Measured at ${measured.commit} with ${measured.sidecars} sidecars:`,
    measuredTable(measured),
    "Assumed:",
    assumptions.map(([name, value]) => `- ${name}: ${JSON.stringify(value)}`).join("\n"),
    pricesTable(),
  ];
  console.log(tables.join("\n\n"));
}

/** From the report of a benchmark. */
async function takeOver(report: string): Promise<void> {
  const { groups } = JSON.parse(await readFile(report, "utf8")) as {
    readonly groups: readonly { readonly name: string; readonly found?: unknown }[];
  };
  const found = groups.find(({ name }) => name === "cost")?.found;
  if (found === undefined) throw new Error(`${report} has no figures of \`npm run bench -- --only cost\``);
  await writeFile(measuredFile, `${JSON.stringify(found, undefined, 2)}\n`);
}

function wholeNumber(text: string, before: readonly number[] | undefined): readonly number[] {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("A whole number from 1 on.");
  // Commander hands the default over as if it had been given.
  return before === undefined || before === clusterNumbers ? [value] : [...before, value];
}

if (import.meta.main) {
  await new Command("npm run cost --")
    .description("What the AWS side costs in a month")
    .option("--clusters <numbers...>", "how many clusters", wholeNumber, clusterNumbers)
    .option("--audit-log", "with the clusters' audit logs")
    .option("--measured <file>", "take the counts of this benchmark over first")
    .action(main)
    .parseAsync();
}
