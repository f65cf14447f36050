import { setTimeout as sleep } from "node:timers/promises";
import { putAuditLines } from "#test/aws/audit-log.ts";
import { eventually } from "#test/eventually.ts";
import { clusterName } from "#test/world/mesh-world.ts";
import { auditMark, lineOfChange } from "../measure/audit-log.ts";
import { kubeletRestMs } from "../measure/change.ts";
import { row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";
import { setSidecars } from "./sample.ts";

const count = 10;

/** One round is a change to on and one to off, of which nobody but the audit log tells. */
export const auditDelay: Scenario = {
  name: "audit-log",
  title: `What the audit log adds once EKS has delivered a record, ${count} real sidecars, no forwarder`,
  async measure({ rounds = 5, progress, realMesh }) {
    const bench = await realMesh();
    await setSidecars(bench, count);
    await bench.setForwarder(false);
    const { aws, cluster } = bench.mesh;
    const verified: number[] = [];
    // The first one warms everything up.
    for (let change = -1; change < 2 * rounds; change++) {
      progress.step(`audit log: ${Math.max(change, 0)} of ${2 * rounds}`);
      const egress = change % 2 === 0;
      const mark = await auditMark(cluster.auditLogPath);
      await bench.patch(egress);
      const line = await eventually("the audit log has the change", () => lineOfChange(cluster.auditLogPath, mark));
      const deliveredMs = Date.now();
      await putAuditLines(aws.endpoint, clusterName, [line]);
      await bench.untilAtRest(egress);
      const { convergedAt = "" } = await bench.mesh.status();
      if (change >= 0) verified.push(Date.parse(convergedAt) - deliveredMs);
      await sleep(kubeletRestMs);
    }
    await bench.setForwarder(true);
    return {
      rows: [row("record put into the log group → every sidecar verified", "ms", verified)],
      notes: ["EKS delivers records within minutes, at its best effort: that is not in it, and comes on top."],
    };
  },
};
