import { setTimeout as sleep } from "node:timers/promises";
import { putAuditLines } from "#test/aws/audit-log.ts";
import { scheduleDriftCheck } from "#test/aws/drift-schedule.ts";
import { putEvent } from "#test/aws/put-event.ts";
import { setRecording } from "#test/aws/recorded-calls.ts";
import { notifyAsFlux } from "#test/aws/webhook-call.ts";
import { clusterName } from "#test/world/mesh-world.ts";
import { type MetricNames, type OccasionName, occasionNames } from "../../../tools/cost/measured.ts";
import { auditMark, lineOfChange } from "../measure/audit-log.ts";
import { type AwsUse, useOf, type WrittenMetric } from "../measure/aws-use.ts";
import type { BenchMesh } from "../measure/bench-mesh.ts";
import { kubeletRestMs } from "../measure/change.ts";
import { openReport } from "../measure/report.ts";
import { type Row, row } from "../measure/row.ts";
import { summaryOf } from "../measure/samples.ts";
import type { Scenario } from "../measure/scenario.ts";
import { setSidecars } from "./sample.ts";

const count = 30;

/** One round is a change to on, one to off, and each of the other occasions once. */
export const cost: Scenario = {
  name: "cost",
  title: `What AWS bills, ${count} real sidecars, all functions warm`,
  async measure({ rounds = 5, progress, realMesh }) {
    const bench = await realMesh();
    progress.step(`${count} sidecars: starting`);
    await setSidecars(bench, count);
    await bench.setForwarder(true);
    await bench.untilAtRest(false);
    const { aws } = bench.mesh;
    await setRecording(aws.endpoint, true);
    const uses: Record<OccasionName, AwsUse[]> = {
      driftCheck: [],
      toOn: [],
      toOff: [],
      hint: [],
      webhook: [],
      auditLog: [],
    };
    try {
      // The first one warms everything up.
      for (let round = 0; round <= rounds; round++) {
        progress.step(`cost: ${round} of ${rounds}`);
        const found = await oneOfEach(bench);
        if (round > 0) for (const name of occasionNames) uses[name].push(found[name]);
      }
    } finally {
      await setRecording(aws.endpoint, false);
    }
    const metrics = metricsOf(uses);
    const { commit } = await openReport();
    return {
      rows: [...occasionNames.flatMap((name) => useRows(name, uses[name])), ...metricRows(metrics)],
      notes: [
        "billed: by the emulator, of this machine's processor; SQS's own sides of a delivery (SendMessage, ReceiveMessage, DeleteMessage) are not recorded.",
        `metrics by cluster: ${all(metrics.always.byCluster)}; when changed: ${all(metrics.whenChanged.byCluster)}`,
        `metrics over all clusters: ${all(metrics.always.overAll)}; when changed: ${all(metrics.whenChanged.overAll)}`,
        "npm run cost -- --measured FILE takes these over, FILE being the report as JSON.",
      ],
      found: {
        commit,
        sidecars: count,
        occasions: Object.fromEntries(occasionNames.map((name) => [name, medianUse(uses[name])])),
        metrics,
      },
    };
  },
};

const all = (names: readonly string[]): string => names.join(", ") || "none";

async function oneOfEach(bench: BenchMesh): Promise<Readonly<Record<OccasionName, AwsUse>>> {
  const { aws, cluster } = bench.mesh;
  const mark = await auditMark(cluster.auditLogPath);
  const change = (egress: boolean) =>
    useOf(aws, { reconcile: 1 }, async () => {
      await bench.patch(egress);
      await bench.untilAtRest(egress);
      // What the forwarder holds back for a second belongs to the change.
      await sleep(kubeletRestMs);
    });
  const toOn = await change(true);
  const toOff = await change(false);
  const request = { cluster: clusterName };
  const hint = await useOf(aws, { reconcile: 1 }, () =>
    putEvent(aws, aws.credentials.operator, "a.bench", "Egress Reconcile Requested", request),
  );
  const webhook = await useOf(aws, { "gitops-webhook": 1, reconcile: 1 }, () => notifyAsFlux(aws, clusterName));
  const line = await lineOfChange(cluster.auditLogPath, mark);
  const auditLog = await useOf(aws, { "forward-audit-log": 1, reconcile: 1 }, () =>
    putAuditLines(aws.endpoint, clusterName, [line]),
  );
  const driftCheck = await useOf(aws, { "check-drift": 1, reconcile: 1 }, () => scheduleDriftCheck(aws));
  return { driftCheck, toOn, toOff, hint, webhook, auditLog };
}

/** Each figure's median by itself. */
function medianUse(uses: readonly AwsUse[]) {
  const median = (of: (use: AwsUse) => number): number => summaryOf(uses.map(of)).median;
  const functions = keysOf(uses, ({ functions: each }) => each).map((name) => {
    const figure = (key: "invocations" | "billedMs" | "memoryMiB" | "logBytes") =>
      median(({ functions: each }) => each[name]?.[key] ?? 0);
    const use = { invocations: figure("invocations"), billedMs: figure("billedMs"), memoryMiB: figure("memoryMiB") };
    return [name, { ...use, logBytes: figure("logBytes") }] as const;
  });
  const calls = keysOf(uses, (use) => use.calls).map((call) => [call, median((use) => use.calls[call] ?? 0)] as const);
  return {
    events: median(({ events }) => events),
    functions: Object.fromEntries(functions),
    calls: Object.fromEntries(calls.filter(([, times]) => times > 0)),
  };
}

function keysOf(uses: readonly AwsUse[], of: (use: AwsUse) => Readonly<Record<string, unknown>>): readonly string[] {
  return [...new Set(uses.flatMap((use) => Object.keys(of(use))))].sort();
}

function useRows(occasion: OccasionName, uses: readonly AwsUse[]): readonly Row[] {
  const figures = (unit: Row["unit"], what: string, of: (use: AwsUse) => number) =>
    row(`${occasion}: ${what}`, unit, uses.map(of));
  return [
    ...keysOf(uses, ({ functions }) => functions).flatMap((name) => [
      figures("calls", `${name}, invocations`, ({ functions }) => functions[name]?.invocations ?? 0),
      figures("ms", `${name}, billed`, ({ functions }) => functions[name]?.billedMs ?? 0),
      figures("bytes", `${name}, log`, ({ functions }) => functions[name]?.logBytes ?? 0),
    ]),
    figures("events", "put on the bus", ({ events }) => events),
    ...keysOf(uses, ({ calls }) => calls).map((call) => figures("calls", call, ({ calls }) => calls[call] ?? 0)),
  ];
}

interface Metrics {
  readonly always: MetricNames;
  readonly whenChanged: MetricNames;
}

function metricsOf({ driftCheck, toOn, toOff }: Readonly<Record<OccasionName, readonly AwsUse[]>>): Metrics {
  const always = namesOf(driftCheck);
  const changed = namesOf([...toOn, ...toOff]);
  const without = (names: readonly string[], known: readonly string[]) => names.filter((name) => !known.includes(name));
  return {
    always,
    whenChanged: {
      byCluster: without(changed.byCluster, always.byCluster),
      overAll: without(changed.overAll, always.overAll),
    },
  };
}

function namesOf(uses: readonly AwsUse[]): MetricNames {
  const metrics = uses.flatMap((use) => use.metrics);
  const names = (is: (metric: WrittenMetric) => boolean) =>
    [...new Set(metrics.filter(is).map(({ name }) => name))].sort();
  return { byCluster: names(({ byCluster }) => byCluster), overAll: names(({ byCluster }) => !byCluster) };
}

function metricRows({ always, whenChanged }: Metrics): readonly Row[] {
  return [
    row("metrics by cluster, in every hour", "metrics", [always.byCluster.length]),
    row("metrics by cluster, when the switch has changed", "metrics", [whenChanged.byCluster.length]),
    row("metrics over all clusters, in every hour", "metrics", [always.overAll.length]),
    row("metrics over all clusters, when any switch has changed", "metrics", [whenChanged.overAll.length]),
  ];
}
