import type { FunctionUse, Measured, Occasion, OccasionName } from "./measured.ts";
import { type Price, prices } from "./prices.ts";

/** What nobody can measure for you. Per day means per cluster and day. */
export interface Assumptions {
  readonly clusters: number;
  readonly driftChecksPerHour: number;
  /** Of the switch, half of them to on and half to off. */
  readonly changesPerDay: number;
  /** With nothing to do: pods and accounts that come and go. */
  readonly forwarderEventsPerDay: number;
  readonly webhookCallsPerDay: number;
  /** How many times longer Lambda takes than the machine that measured. */
  readonly durationFactor: number;
  /** That each cluster adds to the schedule's function: EKS answers about ten calls a second for the whole account. */
  readonly describeClusterMs: number;
  readonly logDays: number;
  /** Undefined where it is off. */
  readonly auditLog: AuditLog | undefined;
}

/** Of one cluster. */
export interface AuditLog {
  readonly gbPerDay: number;
  /** Batches that the subscription's filter lets through. */
  readonly deliveriesPerDay: number;
}

/** What the stack has once, whatever the number of clusters. */
export interface StackCounts {
  readonly alarms: number;
  readonly dashboards: number;
  readonly secrets: number;
}

export interface CostLine {
  readonly what: string;
  /** For one month. */
  readonly quantity: number;
  readonly price: Price;
  readonly dollars: number;
}

/** As AWS counts a month. */
export const hoursPerMonth = 730;
const daysPerMonth = hoursPerMonth / 24;

/** A mapping with a maximum concurrency always has five pollers, and each asks for at most 20 s. */
const emptyReceivesPerHour = 5 * (3_600 / 20);
/** EventBridge sends a message, the mapping receives and deletes it; what the function does besides is recorded. */
const queueRequestsUnrecorded = 3;
/** A warm function keeps the webhook's two secrets, in two stages each, for five minutes. */
const secretReadingsPerHour = 12;
const callsPerReading = 4;

/** Dollars per month, line by line; those of what is off are left out. */
export function monthlyCost(measured: Measured, assumed: Assumptions, stack: StackCounts): readonly CostLine[] {
  const times = timesPerMonth(assumed);
  const sum = (of: (occasion: Occasion) => number): number =>
    Object.entries(times).reduce(
      (total, [name, count]) => total + count * of(measured.occasions[name as OccasionName]),
      0,
    );
  const checks = assumed.driftChecksPerHour * hoursPerMonth;
  // One check is of all clusters: its own function runs once for all of them.
  const uses = ({ functions }: Occasion): readonly FunctionUse[] =>
    Object.entries(functions).flatMap(([name, use]) => (name === scheduled ? [] : [use]));
  const check = measured.occasions.driftCheck.functions[scheduled] ?? nothing;
  const checkGbSeconds =
    ((check.billedMs * assumed.durationFactor + assumed.clusters * assumed.describeClusterMs) / 1_000) *
    (check.memoryMiB / 1_024);
  const total = (of: (use: FunctionUse) => number) =>
    sum((occasion) => uses(occasion).reduce((all, use) => all + of(use), 0));
  const gigabytes = (total((use) => use.logBytes) + checks * check.logBytes) / 1e9;
  const audited = assumed.auditLog ? assumed.clusters * assumed.auditLog.gbPerDay : 0;
  const changeHours = (changes: number) => Math.min(1, changes / 24);
  const { always, whenChanged } = measured.metrics;

  const lines = [
    line("Lambda, requests", total((use) => use.invocations) + checks, prices.lambdaRequest),
    line("Lambda, time", total((use) => gbSeconds(use, assumed)) + checks * checkGbSeconds, prices.lambdaGbSecond),
    line(
      "EventBridge, events",
      sum(({ events }) => events),
      prices.event,
    ),
    line("EventBridge Scheduler", checks, prices.schedule),
    line("SQS, messages", sum(queueRequests), prices.queueRequest),
    line("SQS, asking an empty queue", emptyReceivesPerHour * hoursPerMonth, prices.queueRequest),
    line("Logs, written", gigabytes, prices.logIngested),
    line("Logs, kept", (gigabytes / daysPerMonth) * assumed.logDays, prices.logKept),
    line(
      "Metrics by cluster",
      assumed.clusters * (always.byCluster.length + whenChanged.byCluster.length * changeHours(assumed.changesPerDay)),
      prices.metric,
    ),
    line(
      "Metrics over all clusters",
      always.overAll.length + whenChanged.overAll.length * changeHours(assumed.clusters * assumed.changesPerDay),
      prices.metric,
    ),
    line("Alarms", stack.alarms, prices.alarm),
    line("Dashboard", stack.dashboards, prices.dashboard),
    line("Secrets", stack.secrets, prices.secret),
    line(
      "Secrets, read",
      callsPerReading * Math.min(times.webhook, secretReadingsPerHour * hoursPerMonth),
      prices.secretRead,
    ),
    line("Audit log, written by EKS", audited * daysPerMonth, prices.logIngested),
    line("Audit log, kept", audited * assumed.logDays, prices.logKept),
  ];
  return lines.filter(({ quantity }) => quantity > 0);
}

export function totalOf(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { dollars }) => sum + dollars, 0);
}

/** What happens how often in a month, over all clusters. */
function timesPerMonth(assumed: Assumptions): Readonly<Record<OccasionName, number>> {
  const { clusters, driftChecksPerHour, changesPerDay, forwarderEventsPerDay, webhookCallsPerDay, auditLog } = assumed;
  const daily = (perDay: number) => clusters * perDay * daysPerMonth;
  return {
    driftCheck: clusters * driftChecksPerHour * hoursPerMonth,
    toOn: daily(changesPerDay / 2),
    toOff: daily(changesPerDay / 2),
    hint: daily(forwarderEventsPerDay),
    webhook: daily(webhookCallsPerDay),
    auditLog: daily(auditLog?.deliveriesPerDay ?? 0),
  };
}

const scheduled = "check-drift";
const queued = "reconcile";
const nothing: FunctionUse = { invocations: 0, billedMs: 0, memoryMiB: 0, logBytes: 0 };

function gbSeconds({ billedMs, memoryMiB }: FunctionUse, { durationFactor }: Assumptions): number {
  return ((billedMs * durationFactor) / 1_000) * (memoryMiB / 1_024);
}

/** One message for each invocation of the queue's function. */
function queueRequests({ functions, calls }: Occasion): number {
  const messages = functions[queued]?.invocations ?? 0;
  const recorded = Object.entries(calls).filter(([call]) => call.includes(" sqs:"));
  return messages * queueRequestsUnrecorded + recorded.reduce((sum, [, count]) => sum + count, 0);
}

function line(what: string, quantity: number, price: Price): CostLine {
  return { what, quantity, price, dollars: (quantity / price.per) * price.dollars };
}
