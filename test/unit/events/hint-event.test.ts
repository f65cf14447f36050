import { expect, test } from "vitest";
import type { BusEntry } from "#lib/events/fields.ts";
import { driftCheckDue, objectChanged, parseHint } from "#lib/events/hint-event.ts";

const own = "111122223333";
const metadata = { id: "m-1", version: 1, cluster: "shop", time: "2026-11-20T10:00:00.123Z" } as const;
const object = { kind: "ConfigMap", namespace: "osm-system", name: "osm-config", uid: "u-1" };

/** As EventBridge puts it into the queue. */
function body(source: string, type: string, detail: unknown, outer: Record<string, unknown> = {}): string {
  const time = "2026-11-20T10:00:01Z";
  return JSON.stringify({ version: "0", id: "e-1", source, account: own, "detail-type": type, time, detail, ...outer });
}
const parsed = (text: string) => parseHint(text, own);
const bodyOf = ({ source, detailType, detail }: BusEntry): string => body(source, detailType, detail);

test("an object that the forwarder saw comes back as a hint", () => {
  const entry = objectChanged(metadata, { object, resourceVersion: "42", actor: "kubernetes-admin" });
  expect(parsed(bodyOf(entry))).toEqual({
    ok: true,
    hint: {
      cluster: "shop",
      kind: "hint",
      source: "osm.forwarder",
      object,
      resourceVersion: "42",
      actor: "kubernetes-admin",
      correlationId: "m-1",
      eventId: "e-1",
      occurredAt: metadata.time,
    },
  });
});

test("a drift check asks every sidecar", () => {
  expect(parsed(bodyOf(driftCheckDue(metadata)))).toEqual({
    ok: true,
    hint: {
      cluster: "shop",
      kind: "drift",
      source: "osm.drift",
      correlationId: "m-1",
      eventId: "e-1",
      occurredAt: metadata.time,
    },
  });
});

test("a GitOps revision is carried along", () => {
  expect(parsed(body("osm.gitops", "GitOps Revision Applied", { metadata, revision: "main@sha1:abc" }))).toMatchObject({
    ok: true,
    hint: { kind: "hint", source: "osm.gitops", revision: "main@sha1:abc", cluster: "shop" },
  });
});

test("from the console only the cluster is required, and the bus's time stands", () => {
  expect(parsed(body("my.script", "Egress Reconcile Requested", { cluster: "shop", note: "please" }))).toEqual({
    ok: true,
    hint: {
      cluster: "shop",
      kind: "hint",
      source: "my.script",
      correlationId: "e-1",
      eventId: "e-1",
      occurredAt: "2026-11-20T10:00:01Z",
    },
  });
});

const changed = { metadata, object };
const requested = "Egress Reconcile Requested";
test.each([
  ["no JSON", "{", "body"],
  ["no object", "[]", "body"],
  ["no detail", body("osm.forwarder", "OSM Object Changed", undefined), "detail"],
  ["no source", body("", "OSM Object Changed", changed), "source"],
  ["no id", body("osm.drift", "Egress Drift Check Due", { metadata }, { id: undefined }), "id"],
  ["no account", body("me", requested, { cluster: "shop" }, { account: undefined }), "account"],
  ["an account that is none", body("me", requested, { cluster: "shop" }, { account: "me" }), "account"],
  ["a time that is none", body("me", requested, { cluster: "shop" }, { time: "yesterday" }), "time"],
  ["an osm source that we do not have", body("osm.controller", "OSM Object Changed", changed), "source"],
  ["osm. alone", body("osm.", requested, { cluster: "shop" }), "source"],
  ["our own results", body("osm.reconciler", "Egress Rollout Converged", { metadata }), "source"],
  ["an osm source that asks like a person", body("osm.forwarder", requested, { cluster: "shop" }), "detail-type"],
  ["a person who speaks like the schedule", body("me", "Egress Drift Check Due", { metadata }), "detail-type"],
  ["no metadata", body("osm.forwarder", "OSM Object Changed", { object }), "detail.metadata"],
  [
    "another version",
    body("osm.drift", "Egress Drift Check Due", { metadata: { ...metadata, version: 2 } }),
    "detail.metadata.version",
  ],
  [
    "no cluster in ours",
    body("osm.drift", "Egress Drift Check Due", { metadata: { ...metadata, cluster: undefined } }),
    "detail.metadata.cluster",
  ],
  [
    "an id of several words, as it would stand in every line of a log",
    body("osm.drift", "Egress Drift Check Due", { metadata: { ...metadata, id: "m-1 of another" } }),
    "detail.metadata.id",
  ],
  ["a path as a cluster", body("me", requested, { cluster: "../other" }), "detail.cluster"],
  ["no cluster", body("me", requested, {}), "detail.cluster"],
  ["an account without a cluster", body("me", requested, { cluster: "222233334444/" }), "detail.cluster"],
  ["an account with a digit too few", body("me", requested, { cluster: "22223333444/shop" }), "detail.cluster"],
  ["a cluster's ARN", body("me", requested, { cluster: `arn:aws:eks:r:${own}:cluster/shop` }), "detail.cluster"],
  ["a name of 101 characters", body("me", requested, { cluster: "c".repeat(101) }), "detail.cluster"],
  [
    "no name of the object",
    body("osm.forwarder", "OSM Object Changed", { metadata, object: { kind: "Pod" } }),
    "detail.object.name",
  ],
  [
    "an actor of 257 characters",
    body("osm.forwarder", "OSM Object Changed", { ...changed, actor: "a".repeat(257) }),
    "detail.actor",
  ],
  ["no revision", body("osm.gitops", "GitOps Revision Applied", { metadata }), "detail.revision"],
])("%s is malformed, and the field is named", (_, text, field) => {
  expect(parsed(text)).toEqual({ ok: false, field, problem: expect.stringMatching(/./) });
});

test.each(["a", "A-b_c", "0", "c".repeat(100)])("%s is a cluster's name", (cluster) => {
  expect(parsed(body("me", requested, { cluster }))).toMatchObject({ ok: true, hint: { cluster } });
});

test("a source may be named like anything", () => {
  expect(parsed(body("constructor", requested, { cluster: "shop" }))).toMatchObject({ ok: true });
});

const other = "222233334444";
test.each([
  ["the stack's own account, by its name", own, "shop", "shop"],
  ["the stack's own account, with its number: the same cluster", own, `${own}/shop`, "shop"],
  ["another account, of which the stack's own speaks", own, `${other}/shop`, `${other}/shop`],
  [
    "another account, by its name, as that account says it: not the stack's own of this name",
    other,
    "shop",
    `${other}/shop`,
  ],
  ["another account, with its number", other, `${other}/shop`, `${other}/shop`],
])("a cluster of %s", (_, account, cluster, known) => {
  const request = body("me", requested, { cluster }, { account });
  expect(parsed(request)).toMatchObject({ ok: true, hint: { cluster: known } });
  const seen = body("osm.forwarder", "OSM Object Changed", { metadata: { ...metadata, cluster }, object }, { account });
  expect(parsed(seen)).toMatchObject({ ok: true, hint: { cluster: known } });
});

test.each([own, "333344445555"])("account 222233334444 may not speak of a cluster of account %s", (account) => {
  const cluster = `${account}/shop`;
  const problem = "account 222233334444 may only speak of its own clusters";
  const request = body("me", requested, { cluster }, { account: other });
  expect(parsed(request)).toEqual({ ok: false, field: "detail.cluster", problem });
  const seen = body(
    "osm.forwarder",
    "OSM Object Changed",
    { metadata: { ...metadata, cluster }, object },
    { account: other },
  );
  expect(parsed(seen)).toEqual({ ok: false, field: "detail.metadata.cluster", problem });
});
