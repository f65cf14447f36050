import { setTimeout as sleep } from "node:timers/promises";
import { osmNamespace } from "#lib/mesh/names.ts";
import type { AuditEvent } from "#test/cluster/audit-policy.ts";
import { completeJsonLines } from "#test/cluster/complete-lines.ts";
import { isOn } from "#test/world/expect-status.ts";
import type { MeshWorld } from "#test/world/mesh-world.ts";
import type { Checks } from "./checks.ts";
import { type Hop, type Journey, journey, type Traces } from "./journey.ts";
import type { Ran, Shell } from "./shell.ts";
import { printed, say } from "./terminal.ts";

/** What every act of the story works with. */
export interface Stage {
  readonly mesh: MeshWorld;
  readonly shell: Shell;
  readonly checks: Checks;
}

/** The requirement's own line. */
export function patchLine(value: string): string {
  return `kubectl patch ConfigMap osm-config -n osm-system -p '{"data":{"egress":"${value}"}}' --type=merge`;
}

/** A change that was typed, and when every sidecar was verified on it. */
export interface Flip {
  readonly ran: Ran;
  readonly sinceMs: number;
  readonly resourceVersion: string;
  readonly convergedAt: string;
  readonly verified: number;
  readonly total: number;
}

/** Types the patch and waits until the status says that every sidecar runs it. @throws when it does not */
export async function flip({ mesh, shell }: Stage, egress: boolean): Promise<Flip> {
  const sinceMs = Date.now();
  const ran = await shell.type(patchLine(String(egress)));
  const status = await mesh.untilStatus(`egress ${egress}`, (it) => isOn(it, egress));
  return {
    ran,
    sinceMs,
    resourceVersion: status.observed?.resourceVersion ?? "",
    convergedAt: status.convergedAt ?? "",
    verified: status.sidecars?.verified ?? 0,
    total: status.sidecars?.total ?? 0,
  };
}

/** The function's log comes when its invocation has ended: toward off, when the last connection is cut. */
const tracesWithinMs = 20_000;

export async function journeyOf({ mesh }: Stage, change: Flip): Promise<Journey> {
  const endMs = Date.now() + tracesWithinMs;
  for (;;) {
    const found = journey(await traces(mesh), change);
    if (found) return found;
    if (Date.now() > endMs) throw new Error("the change has left no complete trace in the logs");
    await sleep(250);
  }
}

async function traces(mesh: MeshWorld): Promise<Traces> {
  const [audit, forwarder, functionLines] = await Promise.all([
    completeJsonLines(mesh.cluster.auditLogPath),
    mesh.cluster.kubectl("logs", "-n", osmNamespace, "deployment/osm-forwarder"),
    mesh.aws.logs("reconcile"),
  ]);
  return {
    audit: audit as readonly AuditEvent[],
    forwarder: forwarder
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Traces["forwarder"][number]),
    function: functionLines.flatMap(({ fields }) => (fields ? [fields] : [])),
  };
}

/** A change's way, one station a line. */
export function showHops(hops: readonly Hop[]): void {
  say();
  for (const { ms, station, what } of hops.toSorted((left, right) => left.ms - right.ms)) {
    printed(`${`${ms} ms`.padStart(8)}  ${station.padEnd(11)} ${what}`);
  }
}
