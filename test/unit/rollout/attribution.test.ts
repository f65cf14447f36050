import { expect, test } from "vitest";
import { attributed, type Testimony } from "#lib/rollout/attribution.ts";
import type { HistoryEntry } from "#lib/rollout/status.ts";

const changedMs = Date.UTC(2026, 0, 1, 12);
const at = (ms: number): string => new Date(changedMs + ms).toISOString();
const entry = (more: Partial<HistoryEntry> = {}): HistoryEntry => ({
  to: true,
  by: "kustomize-controller",
  changedAt: "2026-01-01T12:00:00Z",
  source: "osm.forwarder",
  startedAt: at(700),
  outcome: "Converged",
  ...more,
});
const owner = { kind: "Kustomization", namespace: "flux-system", name: "mesh" };
const osmConfig = { uid: "u", resourceVersion: "9", data: {}, egressManager: "kustomize-controller", owners: [owner] };
const audit = (ms: number, auditUser = "alice"): Testimony => ({ occurredAt: at(ms), auditUser });
const applied = (ms: number, more: Partial<Testimony> = {}): Testimony => ({
  occurredAt: at(ms),
  revision: "main@sha1:1",
  owner,
  ...more,
});

test.each<readonly [string, Partial<HistoryEntry>, Testimony, Partial<HistoryEntry>]>([
  ["by the audit log, a second before", {}, audit(-1_000), { users: ["alice"] }],
  ["more than that", {}, audit(-1_001), {}],
  ["within the second that the managers' times have", {}, audit(1_999), { users: ["alice"] }],
  ["beyond it", {}, audit(2_000), {}],
  ["the same user again", { users: ["alice"] }, audit(500), { users: ["alice"] }],
  ["another user too", { users: ["alice"] }, audit(500, "bob"), { users: ["alice", "bob"] }],
  ["a fourth", { users: ["a", "b", "c"] }, audit(500), { users: ["a", "b", "c"] }],
  ["a change whose time is not known", { changedAt: undefined as never }, audit(500), {}],
  ["no time", {}, { auditUser: "alice" }, {}],
  ["a revision, at once", {}, applied(0), { revision: "main@sha1:1" }],
  ["a revision after ten minutes", {}, applied(600_000), { revision: "main@sha1:1" }],
  ["a revision after more", {}, applied(600_001), {}],
  ["a revision from before", {}, applied(-1), {}],
  ["a revision of another object", {}, applied(0, { owner: { ...owner, name: "other" } }), {}],
  ["a revision of nobody's", {}, { occurredAt: at(0), revision: "main@sha1:1" }, {}],
  ["a later revision", { revision: "main@sha1:0" }, applied(5_000), { revision: "main@sha1:0" }],
  ["a revision that a person's change came before", { by: "kubectl-patch" }, applied(0), {}],
])("%s: what the history says", (_, before, testimony, difference) => {
  const entries = [entry(before)];
  expect(attributed(entries, testimony, osmConfig)).toEqual([{ ...entries[0], ...difference }]);
});

test("osm-config that no GitOps tool has labelled takes no revision", () => {
  expect(attributed([entry()], applied(0), { ...osmConfig, owners: [] })).toEqual([entry()]);
  expect(attributed([entry()], applied(0), undefined)).toEqual([entry()]);
});

test("an older change gets its user when the log comes late, and the newest before it gets the revision", () => {
  const older = entry({ changedAt: "2026-01-01T11:55:00Z" });
  const newer = entry();
  expect(attributed([newer, older], audit(-300_000), osmConfig)).toEqual([newer, { ...older, users: ["alice"] }]);
  expect(attributed([newer, older], applied(-1_000), osmConfig)).toEqual([
    newer,
    { ...older, revision: "main@sha1:1" },
  ]);
});
