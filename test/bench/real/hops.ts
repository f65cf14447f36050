import { osmNamespace } from "#lib/mesh/names.ts";
import type { LogLine } from "#test/aws/function-logs.ts";
import { auditMark, type Call, reconcilerCalls } from "../measure/audit-log.ts";
import type { BenchMesh } from "../measure/bench-mesh.ts";
import { type Change, changeByEvent } from "../measure/change.ts";
import { type Row, row } from "../measure/row.ts";
import { summaryOf } from "../measure/samples.ts";
import type { Scenario } from "../measure/scenario.ts";
import { alternate, openSubject } from "./sidecars.ts";

const count = 30;

/** Where a change was when, in ms since the epoch, each from whoever did it: client, forwarder, function, API server. */
type Journey = readonly { readonly hop: string; readonly atMs: number }[];

/** One round is a change to on and one to off, by event. */
export const hops: Scenario = {
  name: "hops",
  title: `Each hop's share of the way, ${count} real sidecars, by event`,
  async measure({ rounds = 5, progress, realMesh }) {
    const bench = await realMesh();
    progress.step(`${count} sidecars: starting`);
    const subject = await openSubject(bench, count);
    const mark = await auditMark(bench.mesh.cluster.auditLogPath);
    const { changes } = await alternate(subject, rounds, changeByEvent, (at) =>
      progress.step(`hops: ${at} of ${rounds}`),
    );
    const sources = await readSources(bench, mark);
    const journeys = changes.map((change) => journeyOf(change, sources));
    return {
      rows: hopRows(changes, journeys),
      notes: [
        "Times of the forwarder's log, the function's log, the audit log and the status, all by one machine's clock, in whole ms but for the audit log's.",
        "Ratio: a hop's share of the whole, which is the sum of the medians. The watch has the change before whoever made it has the answer.",
      ],
    };
  },
};

interface Sources {
  readonly forwarder: readonly { readonly time: string; readonly message: string; readonly name?: string }[];
  readonly reconcile: readonly LogLine[];
  readonly calls: readonly Call[];
}

async function readSources({ mesh }: BenchMesh, mark: number): Promise<Sources> {
  const text = await mesh.cluster.kubectl("logs", "-n", osmNamespace, "deployment/osm-forwarder", "--tail=-1");
  return {
    forwarder: text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Sources["forwarder"][number]),
    reconcile: await mesh.aws.logs("reconcile"),
    calls: await reconcilerCalls(mesh.cluster.auditLogPath, mark),
  };
}

function journeyOf({ patchedMs, convergedMs }: Change, sources: Sources): Journey {
  // The event may overtake the patch's own answer.
  const after = (atMs: number) => atMs >= patchedMs;
  const logged = (message: string) =>
    sources.forwarder.filter((line) => line.message === message).map(({ time }) => Date.parse(time));
  const begun = sources.reconcile
    .filter(({ fields }) => fields?.["message"] === "pass begins")
    .map(({ fields }) => Date.parse(String(fields?.["timestamp"])));
  const calls = sources.calls.filter(({ receivedMs }) => after(receivedMs));
  const answered = (is: (call: Call) => boolean) => calls.filter(is).map((call) => call.answeredMs);
  const verified = (atMs: number) => atMs <= convergedMs + 1;
  return [
    { hop: "forwarder has the watch event", atMs: first("forwarding", logged("forwarding").filter(after)) },
    { hop: "PutEvents answered", atMs: first("events in", logged("events in").filter(after)) },
    { hop: "function's first line", atMs: first("pass begins", begun.filter(after)) },
    {
      hop: "first API request answered",
      atMs: first(
        "API request",
        answered(() => true),
      ),
    },
    {
      hop: "ConfigMaps written",
      atMs: last(
        "ConfigMap written",
        answered((call) => call.resource === "configmaps" && call.verb === "patch").filter(verified),
      ),
    },
    {
      hop: "pokes answered",
      atMs: last("poke", answered((call) => call.resource === "pods" && call.verb === "patch").filter(verified)),
    },
    {
      hop: "last sidecar has answered",
      atMs: last("answer", answered((call) => call.resource === "pods/proxy").filter(verified)),
    },
    { hop: "verified, in the status's own time", atMs: convergedMs },
    {
      hop: "status written",
      atMs: first(
        "status",
        answered((call) => call.resource === "egressrollouts/status").filter((atMs) => atMs > convergedMs),
      ),
    },
  ];
}

function first(what: string, times: readonly number[]): number {
  if (times.length === 0) throw new Error(`no trace of it: ${what}`);
  return Math.min(...times);
}

function last(what: string, times: readonly number[]): number {
  if (times.length === 0) throw new Error(`no trace of it: ${what}`);
  return Math.max(...times);
}

function hopRows(changes: readonly Change[], journeys: readonly Journey[]): Row[] {
  const [journey = []] = journeys;
  const rows = journey.map(({ hop }, at) => {
    const took = journeys.map((each, of) => {
      const begin = at === 0 ? (changes[of]?.patchedMs ?? Number.NaN) : (each[at - 1]?.atMs ?? Number.NaN);
      return (each[at]?.atMs ?? Number.NaN) - begin;
    });
    return { hop, took };
  });
  const whole = sumOfMedians(rows);
  const answered = changes.map(({ patchedMs, answeredMs }) => answeredMs - patchedMs);
  return [
    ...rows.map(({ hop, took }) => row(`→ ${hop}`, "ms", took, { floor: [whole], what: "whole" })),
    row("beside it: patch sent → answered", "ms", answered),
  ];
}

function sumOfMedians(rows: readonly { readonly took: readonly number[] }[]): number {
  return rows.reduce((sum, { took }) => sum + summaryOf(took).median, 0);
}
