import * as z from "zod";
import type { GitopsOwner } from "../mesh/gitops-owner.ts";
import { knownClusterId } from "./cluster-id.ts";
import { accountId, type BusEntry, clusterId, type Metadata, metadata, shortText } from "./fields.ts";
import { firstFault } from "./first-fault.ts";
import { parseJson } from "./parse-json.ts";

/** Somebody says that it is worth looking at a cluster. Nothing in it ever becomes sidecar configuration. */
export interface Hint {
  /** Its name in the stack's own account, `ACCOUNT/NAME` in another one. */
  readonly cluster: string;
  /** drift: ask every sidecar, also those believed to be right. */
  readonly kind: "hint" | "drift";
  /** The event's `source`. */
  readonly source: string;
  readonly object?: {
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
  };
  /** Who changed it, when the sender knows: a field manager, or by the audit log a user. */
  readonly actor?: string;
  readonly resourceVersion?: string;
  /** The GitOps revision that was applied, and the object of the GitOps tool that applied it. */
  readonly revision?: string;
  readonly owner?: GitopsOwner;
  /** The sender's own, which stands in its log too; of an event that has none, its id on the bus. */
  readonly correlationId: string;
  /** Its id on the bus, which no sender chooses. */
  readonly eventId: string;
  /** ISO 8601; the sender's own time when it gave one, else the bus's (whole seconds). */
  readonly occurredAt: string;
}

/** `field` is the path of the first wrong field, e.g. `detail.metadata.cluster`. */
export type ParsedHint =
  | { readonly ok: true; readonly hint: Hint }
  | { readonly ok: false; readonly field: string; readonly problem: string };

/** `osm.*` sources speak only in these; everybody else only in `requestedType`. */
const ours = {
  "osm.forwarder": "OSM Object Changed",
  "osm.audit": "OSM Object Changed",
  "osm.gitops": "GitOps Revision Applied",
  "osm.drift": "Egress Drift Check Due",
} as const;
/** Whose `actor` is a user, of a write that may be any of several. */
export const auditSource = "osm.audit";
const requestedType = "Egress Reconcile Requested";
type HintType = (typeof ours)[keyof typeof ours] | typeof requestedType;

const envelope = z.object({
  id: shortText,
  source: shortText,
  account: accountId,
  "detail-type": shortText,
  time: z.iso.datetime(),
  detail: z.record(z.string(), z.unknown()),
});

const optionalText = shortText.exactOptional();

const objectChangedDetail = z.object({
  metadata,
  object: z.object({ kind: shortText, namespace: optionalText, name: shortText, uid: optionalText }),
  resourceVersion: optionalText,
  actor: optionalText,
});
const revisionAppliedDetail = z.object({
  metadata,
  revision: shortText,
  owner: z.object({ kind: shortText, namespace: optionalText, name: shortText }).exactOptional(),
  actor: optionalText,
});
const driftCheckDetail = z.object({ metadata });
const requestedDetail = z.object({ cluster: clusterId, actor: optionalText });

/**
 * Reads the body of one queue message: an EventBridge event as JSON.
 *
 * @param ownAccount  the stack's: events of other accounts may only speak of those accounts' own clusters
 */
export function parseHint(body: string, ownAccount: string): ParsedHint {
  const json = parseJson(body);
  if (json === undefined) return { ok: false, field: "body", problem: "not JSON" };
  const outer = envelope.safeParse(json);
  if (!outer.success) return malformed(outer.error);
  const { id, source, account, time, detail } = outer.data;
  const type = outer.data["detail-type"];

  const expected = expectedType(source);
  if (expected === undefined) return { ok: false, field: "source", problem: `unknown source ${source}` };
  if (type !== expected)
    return { ok: false, field: "detail-type", problem: `${source} sends "${expected}", not "${type}"` };

  const hint = { source, correlationId: id, eventId: id, kind: "hint", occurredAt: time } as const;
  const parsed = parseDetail(expected, detail, hint);
  if (!parsed.ok) return parsed;
  const cluster = knownClusterId(parsed.hint.cluster, account, ownAccount);
  if (cluster !== undefined) return { ok: true, hint: { ...parsed.hint, cluster } };
  return { ok: false, field: clusterField(source), problem: `account ${account} may only speak of its own clusters` };
}

/** Where an event of this source names its cluster. */
export function clusterField(source: string): string {
  return Object.hasOwn(ours, source) ? "detail.metadata.cluster" : "detail.cluster";
}

function parseDetail(type: HintType, detail: unknown, hint: Omit<Hint, "cluster">): ParsedHint {
  switch (type) {
    case "OSM Object Changed":
      return read(objectChangedDetail, detail, ({ metadata: sent, ...rest }) => ({
        ...hint,
        ...rest,
        ...stamped(sent),
      }));
    case "GitOps Revision Applied":
      return read(revisionAppliedDetail, detail, ({ metadata: sent, ...rest }) => ({
        ...hint,
        ...rest,
        ...stamped(sent),
      }));
    case "Egress Drift Check Due":
      return read(driftCheckDetail, detail, ({ metadata: sent }) => ({ ...hint, kind: "drift", ...stamped(sent) }));
    case "Egress Reconcile Requested":
      return read(requestedDetail, detail, (rest) => ({ ...hint, ...rest }));
  }
}

/** For the forwarder: something changed that may concern the mesh. */
export function objectChanged(
  sent: Metadata,
  changed: Pick<Hint, "object" | "resourceVersion" | "actor"> & { readonly object: NonNullable<Hint["object"]> },
): BusEntry {
  return { source: "osm.forwarder", detailType: ours["osm.forwarder"], detail: { metadata: sent, ...changed } };
}

/** For the audit log: minutes later, and without the object's version; but with the user. */
export function objectAudited(
  sent: Metadata,
  audited: { readonly object: NonNullable<Hint["object"]>; readonly actor: string },
): BusEntry {
  return { source: auditSource, detailType: ours[auditSource], detail: { metadata: sent, ...audited } };
}

/** For the webhook: a GitOps tool has applied this revision, and osm-config may be in it. */
export function revisionApplied(
  sent: Metadata,
  applied: { readonly revision: string; readonly owner: GitopsOwner },
): BusEntry {
  return { source: "osm.gitops", detailType: ours["osm.gitops"], detail: { metadata: sent, ...applied } };
}

/** For the schedule: look, and ask every sidecar. */
export function driftCheckDue(sent: Metadata): BusEntry {
  return { source: "osm.drift", detailType: ours["osm.drift"], detail: { metadata: sent } };
}

function expectedType(source: string): HintType | undefined {
  if (Object.hasOwn(ours, source)) return ours[source as keyof typeof ours];
  return source.startsWith("osm.") ? undefined : requestedType;
}

function stamped(sent: Metadata): Pick<Hint, "cluster" | "correlationId" | "occurredAt"> {
  return { cluster: sent.cluster, correlationId: sent.id, occurredAt: sent.time };
}

function read<T>(schema: z.ZodType<T>, detail: unknown, hint: (value: T) => Hint): ParsedHint {
  const parsed = schema.safeParse(detail);
  return parsed.success ? { ok: true, hint: hint(parsed.data) } : malformed(parsed.error, "detail");
}

function malformed(error: z.ZodError, ...under: readonly string[]): ParsedHint {
  return { ok: false, ...firstFault(error, "body", ...under) };
}
