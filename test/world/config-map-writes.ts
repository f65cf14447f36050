import { completeLines } from "#test/cluster/complete-lines.ts";

interface AuditEvent {
  readonly verb: string;
  readonly stage: string;
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
}

/** The sidecar ConfigMaps that anybody has written so far, by the audit log: a name for each write that was taken. */
export async function configMapWrites(auditLogPath: string): Promise<readonly string[]> {
  const written: string[] = [];
  for await (const line of completeLines(auditLogPath)) {
    const { verb, stage, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    const { resource, name = "" } = objectRef ?? {};
    const isWrite = stage === "ResponseComplete" && ["create", "update", "patch", "delete"].includes(verb);
    const isTaken = (responseStatus?.code ?? 500) < 300;
    if (isWrite && isTaken && resource === "configmaps" && name.startsWith("osm-sidecar.")) written.push(name);
  }
  return written;
}
