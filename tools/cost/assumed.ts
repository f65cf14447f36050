import type { Assumptions } from "./model.ts";

/** What README's table is for: a busy cluster, and nothing rounded down. */
export const assumed: Omit<Assumptions, "clusters"> = {
  // serverless.yml's driftRate.
  driftChecksPerHour: 12,
  changesPerDay: 10,
  forwarderEventsPerDay: 500,
  webhookCallsPerDay: 50,
  // 1024 MB are 0.6 of a core, and an EKS endpoint is further away than a server on the same machine.
  durationFactor: 2,
  describeClusterMs: 100,
  // serverless.yml's logDays.
  logDays: 30,
  auditLog: undefined,
};

/** The same with the audit log. How much it is depends on the cluster more than on anything of ours. */
export const assumedAuditLog = { gbPerDay: 1, deliveriesPerDay: 500 };
