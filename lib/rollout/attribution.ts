import { isPerson } from "../mesh/field-manager.ts";
import { type GitopsOwner, isSameOwner } from "../mesh/gitops-owner.ts";
import type { ObservedOsmConfig } from "./observation.ts";
import { type HistoryEntry, maxUsers } from "./status.ts";

/** What an event tells of who changed osm-config, besides what the object itself says. */
export interface Testimony {
  /** ISO 8601: when the sender says that it happened. */
  readonly occurredAt?: string;
  /** From the audit log: who wrote to osm-config then. */
  readonly auditUser?: string;
  /** A GitOps tool's revision, and the object that it applied. */
  readonly revision?: string;
  readonly owner?: GitopsOwner;
}

/** Times of field managers come in whole seconds, cut off; the audit log's are of the request's arrival. */
const sameWriteMs = { before: 1_000, after: 2_000 } as const;
/** Between a tool's write of one object and its word that all are applied. */
const applyingMs = 10 * 60_000;

/**
 * The history with what has become known of its changes since. An audit record carries no version of the object, so it is
 * joined by time, and where several users wrote within that time all of them are named.
 */
export function attributed(
  history: readonly HistoryEntry[],
  testimony: Testimony,
  osmConfig: ObservedOsmConfig | undefined,
): readonly HistoryEntry[] {
  const atMs = Date.parse(testimony.occurredAt ?? "");
  if (Number.isNaN(atMs)) return history;
  const { auditUser, revision, owner } = testimony;
  const applied = revision !== undefined && isAppliedBy(osmConfig, owner) ? appliedEntry(history, atMs) : undefined;
  return history.map((entry) => {
    const user = auditUser !== undefined && isSameWrite(entry, atMs) ? auditUser : undefined;
    const named = user === undefined ? entry : withUser(entry, user);
    return entry === applied && revision !== undefined ? { ...named, revision } : named;
  });
}

function isSameWrite({ changedAt }: HistoryEntry, atMs: number): boolean {
  const sinceMs = atMs - Date.parse(changedAt ?? "");
  return sinceMs >= -sameWriteMs.before && sinceMs < sameWriteMs.after;
}

function withUser(entry: HistoryEntry, user: string): HistoryEntry {
  const { users = [] } = entry;
  if (users.includes(user) || users.length >= maxUsers) return entry;
  return { ...entry, users: [...users, user] };
}

/** osm-config itself must say that the tool's object brought it: anybody with a key can name any revision. */
function isAppliedBy(osmConfig: ObservedOsmConfig | undefined, owner: GitopsOwner | undefined): boolean {
  return owner !== undefined && (osmConfig?.owners ?? []).some((one) => isSameOwner(one, owner));
}

/** The newest change before the tool's word, unless a person made it, or it is too long ago. */
function appliedEntry(history: readonly HistoryEntry[], atMs: number): HistoryEntry | undefined {
  const entry = history.find(({ changedAt }) => Date.parse(changedAt ?? "") <= atMs);
  if (entry?.changedAt === undefined || entry.revision !== undefined || isPerson(entry.by ?? "")) return undefined;
  return atMs - Date.parse(entry.changedAt) <= applyingMs ? entry : undefined;
}
