import { stat } from "node:fs/promises";
import { reconcilersGroup } from "#lib/mesh/names.ts";
import type { AuditEvent } from "#test/cluster/audit-policy.ts";
import { completeLines } from "#test/cluster/complete-lines.ts";

/** The end of the audit log now; what happens later stands behind it. */
export async function auditMark(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** One answered request of the reconciler. */
export interface Call {
  readonly verb: string;
  /** With the subresource: `pods/proxy`. */
  readonly resource: string;
  readonly code: number;
  /** Ms since the epoch, with fractions. */
  readonly receivedMs: number;
  readonly answeredMs: number;
}

/** What the reconcilers' group asked since the mark, in the order of the answers. */
export async function reconcilerCalls(path: string, mark: number): Promise<readonly Call[]> {
  const calls: Call[] = [];
  for await (const line of completeLines(path, mark)) {
    if (!line.includes(reconcilersGroup)) continue;
    const event = JSON.parse(line) as AuditEvent;
    if (event.stage !== "ResponseComplete" || event.objectRef === undefined) continue;
    const groups = (event.impersonatedUser ?? event.user).groups ?? [];
    if (!groups.includes(reconcilersGroup)) continue;
    const { resource, subresource } = event.objectRef;
    calls.push({
      verb: event.verb,
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      code: event.responseStatus?.code ?? 0,
      receivedMs: instant(event.requestReceivedTimestamp),
      answeredMs: instant(event.stageTimestamp),
    });
  }
  return calls.sort((left, right) => left.answeredMs - right.answeredMs);
}

/** RFC 3339 with microseconds, which Date cuts. */
function instant(text: string): number {
  return Date.parse(text) + Number(/\.\d{3}(\d{3})Z$/.exec(text)?.[1] ?? 0) / 1000;
}

/** The line of the last write to osm-config since the mark. @throws when there is none */
export async function lineOfChange(path: string, mark: number): Promise<string> {
  let last: string | undefined;
  for await (const line of completeLines(path, mark)) {
    if (!line.includes('"osm-config"')) continue;
    const { stage, verb, objectRef } = JSON.parse(line) as AuditEvent;
    if (stage === "ResponseComplete" && verb === "patch" && objectRef?.resource === "configmaps") last = line;
  }
  if (last === undefined) throw new Error("the audit log has no patch of osm-config");
  return last;
}
