import type { AwsSide } from "#test/aws/aws-side.ts";
import { type FunctionName, functionNames } from "#test/aws/deployment.ts";
import { type RecordedCall, recordedCalls } from "#test/aws/recorded-calls.ts";
import { eventually } from "#test/eventually.ts";
import type { FunctionUse, Occasion } from "../../../tools/cost/measured.ts";
import { untilQueueIsEmpty } from "./queue.ts";

/** What AWS did and was asked for, from one moment to another. */
export interface AwsUse extends Occasion {
  /** Custom metrics that were written, once each. */
  readonly metrics: readonly WrittenMetric[];
}

export interface WrittenMetric {
  readonly name: string;
  /** There once for each cluster. */
  readonly byCluster: boolean;
}

const withinMs = 30_000;
/** With every event of a log, as CloudWatch Logs counts the size of a batch. */
const bytesPerLine = 26;

/**
 * From before `work` until nothing that it has set in motion is under way.
 *
 * @param ends  functions that must have run by then, each with how often at the least
 */
export async function useOf(
  aws: AwsSide,
  ends: Partial<Readonly<Record<FunctionName, number>>>,
  work: () => Promise<unknown>,
): Promise<AwsUse> {
  const sinceMs = Date.now();
  await work();
  for (const name of functionNames) await untilInvoked(aws, name, sinceMs, ends[name] ?? 0);
  await untilQueueIsEmpty(aws, withinMs);
  const logs = await Promise.all(
    functionNames.map(async (name) => [name, await linesSince(aws, name, sinceMs)] as const),
  );
  const calls = await recordedCalls(aws.endpoint, sinceMs);
  return {
    events: calls.reduce((sum, call) => sum + eventsOf(call), 0),
    calls: countCalls(calls, aws.busName),
    functions: Object.fromEntries(
      logs.flatMap(([name, lines]) => (lines.length === 0 ? [] : [[name, functionUse(lines)]])),
    ),
    metrics: writtenMetrics(logs.flatMap(([, lines]) => lines)),
  };
}

interface Line {
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

async function linesSince(aws: AwsSide, name: FunctionName, sinceMs: number): Promise<readonly Line[]> {
  return (await aws.logs(name)).filter(({ at }) => at >= sinceMs);
}

/** Lines come when their invocation has ended. */
async function untilInvoked(aws: AwsSide, name: FunctionName, sinceMs: number, times: number): Promise<void> {
  if (times === 0) return;
  const hasEnded = async () => reports(await linesSince(aws, name, sinceMs)).length >= times;
  await eventually(`${name} has run ${times} times`, hasEnded, { withinMs, everyMs: 200 });
}

/** Lambda's own last line of an invocation. */
function reports(lines: readonly Line[]): readonly { readonly billedMs: number; readonly memoryMiB: number }[] {
  return lines.flatMap(({ text }) => {
    const [, billed, memory] = /^REPORT .*\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB/.exec(text) ?? [];
    return billed === undefined ? [] : [{ billedMs: Number(billed), memoryMiB: Number(memory) }];
  });
}

function functionUse(lines: readonly Line[]): FunctionUse {
  const ended = reports(lines);
  const [first] = ended;
  if (first === undefined) throw new Error(`no invocation has ended: ${lines.map(({ text }) => text).join("\n")}`);
  return {
    invocations: ended.length,
    billedMs: ended.reduce((sum, { billedMs }) => sum + billedMs, 0),
    memoryMiB: first.memoryMiB,
    logBytes: lines.reduce((sum, { text }) => sum + Buffer.byteLength(text) + bytesPerLine, 0),
  };
}

function eventsOf({ service, action, parameters }: RecordedCall): number {
  return service === "events" && action === "PutEvents" ? entriesOf(parameters).length : 0;
}

function entriesOf(parameters: RecordedCall["parameters"]): readonly { readonly Source?: string }[] {
  return (parameters["Entries"] ?? []) as readonly { readonly Source?: string }[];
}

/** Of the functions and the forwarder; the rest is whoever measures. */
function countCalls(calls: readonly RecordedCall[], stage: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const call of calls) {
    const isForwarder = entriesOf(call.parameters).some(({ Source }) => Source === "osm.forwarder");
    const who = call.functionName?.replace(`${stage}-`, "") ?? (isForwarder ? "forwarder" : undefined);
    // The recording tells no path, and so not which of EKS's two reads it was.
    const what = call.action === "GET.eks" ? "eks:DescribeCluster or ListClusters" : `${call.service}:${call.action}`;
    if (who !== undefined) counts[`${who} ${what}`] = (counts[`${who} ${what}`] ?? 0) + 1;
  }
  return counts;
}

interface EmbeddedMetrics {
  readonly CloudWatchMetrics: readonly {
    readonly Dimensions: readonly (readonly string[])[];
    readonly Metrics: readonly { readonly Name: string }[];
  }[];
}

function writtenMetrics(lines: readonly Line[]): readonly WrittenMetric[] {
  const found = new Map<string, WrittenMetric>();
  for (const { fields } of lines) {
    const { CloudWatchMetrics = [] } = (fields?.["_aws"] ?? {}) as Partial<EmbeddedMetrics>;
    for (const { Dimensions, Metrics } of CloudWatchMetrics) {
      for (const { Name: name } of Metrics) {
        for (const set of Dimensions) {
          const byCluster = set.includes("cluster");
          found.set(`${name} ${set.join(" ")}`, { name, byCluster });
        }
      }
    }
  }
  return [...found.values()];
}
