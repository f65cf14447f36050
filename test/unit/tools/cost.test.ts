import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { assumed, assumedAuditLog } from "../../../tools/cost/assumed.ts";
import type { Measured, Occasion } from "../../../tools/cost/measured.ts";
import { type Assumptions, monthlyCost, totalOf } from "../../../tools/cost/model.ts";
import { cents, costTable } from "../../../tools/cost/tables.ts";
import { clusterNumbers, readMeasured, readStackCounts } from "../../../tools/cost.ts";

const nothing: Occasion = { events: 0, functions: {}, calls: {} };
const pass = { invocations: 1, billedMs: 200, memoryMiB: 1_024, logBytes: 2_000 };
const measured: Measured = {
  commit: "a",
  sidecars: 1,
  occasions: {
    driftCheck: {
      events: 1,
      functions: { "check-drift": { invocations: 1, billedMs: 100, memoryMiB: 256, logBytes: 1_000 }, reconcile: pass },
      calls: { "reconcile sqs:ChangeMessageVisibility": 1, "check-drift events:PutEvents": 1 },
    },
    toOn: { events: 3, functions: { reconcile: { ...pass, invocations: 2 } }, calls: {} },
    toOff: { events: 5, functions: { reconcile: pass }, calls: {} },
    hint: { events: 1, functions: {}, calls: {} },
    webhook: nothing,
    auditLog: { events: 1, functions: { "forward-audit-log": { ...pass, memoryMiB: 256 } }, calls: {} },
  },
  metrics: {
    always: { byCluster: ["a", "b"], overAll: ["a", "b", "c"] },
    whenChanged: { byCluster: ["d"], overAll: ["d", "e"] },
  },
};
/** 730 checks of two clusters, and nothing else happens. */
const quiet: Assumptions = {
  clusters: 2,
  driftChecksPerHour: 1,
  changesPerDay: 0,
  forwarderEventsPerDay: 0,
  webhookCallsPerDay: 0,
  durationFactor: 1,
  describeClusterMs: 0,
  logDays: 365 / 12,
  auditLog: undefined,
};
const stack = { alarms: 9, dashboards: 1, secrets: 2 };

function costOf(what: string, more: Partial<Assumptions> = {}): { quantity: number; dollars: number } {
  const found = monthlyCost(measured, { ...quiet, ...more }, stack).find((line) => line.what === what);
  if (!found) throw new Error(`no line ${what}`);
  return found;
}

/** By hand. 730 hours are 365 / 12 days: once a day in two clusters is 60.8333 times. */
test.each<[what: string, assumptions: Partial<Assumptions>, quantity: number, dollars: number]>([
  // 1,460 passes, 730 checks
  ["Lambda, requests", {}, 2_190, 0.000438],
  // ... and in each cluster one change a day, half of them with two passes, half with one: 30.4167 × 3
  ["Lambda, requests", { changesPerDay: 1 }, 2_281.25, 0.00045625],
  // 1,460 × 0.2 s × 1 GB + 730 × 0.1 s × 0.25 GB
  ["Lambda, time", {}, 310.25, 0.00413669],
  ["Lambda, time", { durationFactor: 2 }, 620.5, 0.00827337],
  // ... + 730 × 2 × 0.1 s × 0.25 GB, of which nothing is computing
  ["Lambda, time", { describeClusterMs: 100 }, 346.75, 0.00462336],
  ["EventBridge, events", {}, 1_460, 0.00146],
  // ... + 30.4167 × (3 + 5)
  ["EventBridge, events", { changesPerDay: 1 }, 1_703.33, 0.00170333],
  // ... + 60.8333 × 10
  ["EventBridge, events", { forwarderEventsPerDay: 10 }, 2_068.33, 0.00206833],
  ["EventBridge Scheduler", {}, 730, 0.00073],
  ["EventBridge Scheduler", { clusters: 500 }, 730, 0.00073],
  // 1,460 × (sent, received, deleted, hidden)
  ["SQS, messages", {}, 5_840, 0.002336],
  // 5 pollers × 3 a minute × 43,800 minutes, however many clusters
  ["SQS, asking an empty queue", {}, 657_000, 0.2628],
  ["SQS, asking an empty queue", { clusters: 500 }, 657_000, 0.2628],
  // 1,460 × 2,000 + 730 × 1,000 bytes
  ["Logs, written", {}, 0.00365, 0.001825],
  ["Logs, kept", {}, 0.00365, 0.0001095],
  ["Logs, kept", { logDays: 365 / 6 }, 0.0073, 0.000219],
  ["Metrics by cluster", {}, 4, 1.2],
  // The third metric half of the time.
  ["Metrics by cluster", { changesPerDay: 12 }, 5, 1.5],
  ["Metrics by cluster", { changesPerDay: 100 }, 6, 1.8],
  ["Metrics over all clusters", {}, 3, 0.9],
  // Two clusters: somewhere the switch changes in every hour.
  ["Metrics over all clusters", { changesPerDay: 12 }, 5, 1.5],
  ["Metrics over all clusters", { clusters: 500 }, 3, 0.9],
  ["Alarms", {}, 9, 0.9],
  ["Dashboard", {}, 1, 3],
  ["Secrets", {}, 2, 0.8],
  // 60.8333 × 4
  ["Secrets, read", { webhookCallsPerDay: 1 }, 243.33, 0.00121667],
  // Never more than every five minutes: 8,760 × 4
  ["Secrets, read", { webhookCallsPerDay: 1_000 }, 35_040, 0.1752],
  // 2 clusters × 1 GB × 30.4167 days
  ["Audit log, written by EKS", { auditLog: { gbPerDay: 1, deliveriesPerDay: 0 } }, 60.8333, 30.4167],
  ["Audit log, kept", { auditLog: { gbPerDay: 1, deliveriesPerDay: 0 }, logDays: 30 }, 60, 1.8],
  // 310.25 + 60.8333 × 10 × 0.2 s × 0.25 GB
  ["Lambda, time", { auditLog: { gbPerDay: 1, deliveriesPerDay: 10 } }, 340.667, 0.00454225],
])("%s with %j: %d, $%d", (what, assumptions, quantity, dollars) => {
  const found = costOf(what, assumptions);
  expect(found.quantity / quantity).toBeCloseTo(1, 4);
  expect(found.dollars / dollars).toBeCloseTo(1, 4);
});

test("what is off has no line", () => {
  const lines = monthlyCost(measured, quiet, stack).map(({ what }) => what);
  expect(lines).not.toContain("Audit log, written by EKS");
  expect(lines).not.toContain("Secrets, read");
});

test("the sum is that of all lines", () => {
  const lines = monthlyCost(measured, quiet, { alarms: 0, dashboards: 0, secrets: 0 });
  // requests, time, events, Scheduler, messages, empty queue, logs written and kept, metrics
  const byHand = 0.000438 + 0.00413669 + 0.00146 + 0.00073 + 0.002336 + 0.2628 + 0.001825 + 0.0001095 + 1.2 + 0.9;
  expect(totalOf(lines)).toBeCloseTo(byHand, 6);
});

const readme = await readFile(new URL("../../../README.md", import.meta.url), "utf8");
const [counts, stackCounts] = await Promise.all([readMeasured(), readStackCounts()]);
const linesFor = (clusters: number, more: Partial<Assumptions> = {}) =>
  monthlyCost(counts, { ...assumed, ...more, clusters }, stackCounts);
/** Of one cluster, where there are many. */
const share = (more: Partial<Assumptions>): number => (totalOf(linesFor(500, more)) - totalOf(linesFor(500))) / 500;
const dollarsOf = (what: string, more: Partial<Assumptions> = {}): number =>
  linesFor(1, more).find((line) => line.what === what)?.dollars ?? Number.NaN;

/** An alarm more, or other counts: `npm run cost` prints the table anew. */
test("README's table is the program's", () => {
  const columns = clusterNumbers.map((clusters) => ({ clusters, lines: linesFor(clusters) }));
  expect(readme).toContain(costTable(columns));
});

const withAuditLog = { auditLog: assumedAuditLog };
test.each<[sentence: string, dollars: readonly number[]]>([
  [
    "$% for each further one, of which $% are its own metrics",
    [totalOf(linesFor(51)) - totalOf(linesFor(50)), dollarsOf("Metrics by cluster")],
  ],
  [
    "$% more for each cluster, of which $% are EKS's own writing",
    [
      share(withAuditLog),
      dollarsOf("Audit log, written by EKS", withAuditLog) + dollarsOf("Audit log, kept", withAuditLog),
    ],
  ],
  ["`driftRate=rate(10 minutes)` saves $% for each cluster", [-share({ driftChecksPerHour: 6 })]],
  [
    "Four times the measured duration instead of twice: $% more for each cluster",
    [share({ durationFactor: 2 * assumed.durationFactor })],
  ],
  [
    "ten times the forwarder's events cost $% more for each cluster",
    [share({ forwarderEventsPerDay: 10 * assumed.forwarderEventsPerDay })],
  ],
])("README says: %s", (sentence, dollars) => {
  const left = [...dollars];
  expect(readme).toContain(sentence.replaceAll("%", () => cents(left.shift() ?? Number.NaN)));
});
