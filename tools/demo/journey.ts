import type { AuditEvent } from "#test/cluster/audit-policy.ts";

/** One station of a change's way, with its time after the API server received the change. */
export interface Hop {
  readonly ms: number;
  readonly station: string;
  readonly what: string;
}

export interface Journey {
  /** When the API server received the change; ms since the epoch. */
  readonly startedMs: number;
  readonly hops: readonly Hop[];
}

/** What the parts of the road wrote down by themselves. */
export interface Traces {
  /** The API server's audit log. */
  readonly audit: readonly AuditEvent[];
  /** Lines of the forwarder's log. */
  readonly forwarder: readonly { readonly time: string; readonly message: string; readonly resourceVersion?: string }[];
  /** Lines of the function's log, by Powertools. */
  readonly function: readonly Readonly<Record<string, unknown>>[];
}

/** The change, as its author and the status know it. */
export interface Change {
  /** Nothing before this belongs to it; ms since the epoch. */
  readonly sinceMs: number;
  /** Of osm-config after the change. */
  readonly resourceVersion: string;
  /** From the status. */
  readonly convergedAt: string;
}

/** Times of the event as the forwarder logs it and as the event carries it are taken one after the other. */
const sameEventMs = 50;

/**
 * The way of one change of osm-config from `kubectl patch` to the status, put together from what each part logged.
 *
 * @returns undefined while a trace is missing: logs come a moment later
 */
export function journey(traces: Traces, change: Change): Journey | undefined {
  const convergedMs = Date.parse(change.convergedAt);
  const audit = traces.audit.filter((event) => receivedMs(event) >= change.sinceMs && code(event) < 300);
  const patch = audit.find((event) => isOf(event, "patch", "configmaps", "osm-config"));
  const forwarded = traces.forwarder.find(
    (line) => line.message === "forwarding" && line.resourceVersion === change.resourceVersion,
  );
  if (!patch || !forwarded) return undefined;
  const forwardedMs = Date.parse(forwarded.time);
  const taken = traces.forwarder.find((line) => line.message === "events in" && Date.parse(line.time) >= forwardedMs);
  const pass = traces.function.find(
    (line) =>
      line["message"] === "pass begins" &&
      Math.abs(Date.parse(String(line["occurredAt"])) - forwardedMs) <= sameEventMs,
  );
  const own = audit.filter((event) => isReconciler(event) && doneMs(event) <= convergedMs + 1);
  const maps = own.filter((event) => isOf(event, "patch", "configmaps"));
  const pokes = own.filter((event) => isOf(event, "patch", "pods"));
  // Each sidecar's last answer before the status called all of them verified.
  const answers = new Map(
    own
      .filter((event) => isOf(event, "get", "pods") && event.objectRef?.subresource === "proxy")
      .map((event) => [`${event.objectRef?.namespace}/${event.objectRef?.name}`, doneMs(event)]),
  );
  const status = audit.find(
    (event) =>
      isReconciler(event) &&
      event.objectRef?.resource === "egressrollouts" &&
      event.verb === "update" &&
      doneMs(event) >= convergedMs,
  );
  if (!pass || !status || maps.length === 0 || answers.size === 0) return undefined;

  const startedMs = receivedMs(patch);
  const hop = (atMs: number, station: string, what: string): Hop => ({
    ms: Math.max(atMs - startedMs, 0),
    station,
    what,
  });
  const hops = [
    hop(doneMs(patch), "API server", "the policy agrees, osm-config is stored"),
    hop(forwardedMs, "forwarder", "sees it in its watch and sends an event"),
    ...(taken ? [hop(Date.parse(taken.time), "bus", "has confirmed it to the forwarder")] : []),
    hop(Date.parse(String(pass["timestamp"])), "function", "rule and queue have passed it on: a pass begins"),
    hop(latest(maps), "ConfigMaps", `${maps.length} written, one for each service account`),
    ...(pokes.length === 0
      ? []
      : [hop(latest(pokes), "pokes", `${pokes.length} pods annotated: their kubelet looks at once`)]),
    hop(Math.max(...answers.values()), "sidecars", `the last of ${answers.size} has answered with the new version`),
    hop(doneMs(status), "status", "says so"),
  ];
  return { startedMs, hops };
}

function isOf({ verb, objectRef }: AuditEvent, wanted: string, resource: string, name?: string): boolean {
  return verb === wanted && objectRef?.resource === resource && (name === undefined || objectRef.name === name);
}

/** The function's identity, as the access entry names it. */
function isReconciler({ user }: AuditEvent): boolean {
  return user.groups?.includes("osm:reconcilers") ?? false;
}

function code({ responseStatus }: AuditEvent): number {
  return responseStatus?.code ?? 0;
}

function receivedMs(event: AuditEvent): number {
  return Date.parse(event.requestReceivedTimestamp);
}

function doneMs(event: AuditEvent): number {
  return Date.parse(event.stageTimestamp);
}

function latest(events: readonly AuditEvent[]): number {
  return Math.max(...events.map(doneMs));
}
