import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { forwardRecords } from "#lib/audit/forward-records.ts";
import type { BusEntry } from "#lib/events/fields.ts";
import { parseHint } from "#lib/events/hint-event.ts";
import { meshPlace } from "#lib/mesh/names.ts";

let serial = 0;
const record = (more: object = {}) => ({
  kind: "Event",
  apiVersion: "audit.k8s.io/v1",
  level: "Metadata",
  auditID: `audit-${serial++}`,
  stage: "ResponseComplete",
  verb: "patch",
  user: { username: "alice", groups: ["system:authenticated"] },
  objectRef: { resource: "configmaps", namespace: "osm-system", name: "osm-config", apiVersion: "v1" },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: "2026-01-01T12:00:00.123456Z",
  ...more,
});
const account = (name: string, more: object = {}) =>
  record({ verb: "create", objectRef: { resource: "serviceaccounts", namespace: "shop", name }, ...more });

const pack = (json: unknown): string => gzipSync(JSON.stringify(json)).toString("base64");
const delivery = (...records: readonly unknown[]): string =>
  pack({
    messageType: "DATA_MESSAGE",
    logGroup: "/aws/eks/shop/cluster",
    logStream: "kube-apiserver-audit-1",
    logEvents: records.map((one, id) => ({
      id: String(id),
      timestamp: 0,
      message: typeof one === "string" ? one : JSON.stringify(one),
    })),
  });

async function forwarded(data: string) {
  const entries: BusEntry[] = [];
  const told = await forwardRecords(data, meshPlace, async (some) => void entries.push(...some));
  return { told, entries, objects: entries.map(({ detail }) => detail["object"]) };
}

test("a write to osm-config becomes an event that a pass understands, with its user and its time", async () => {
  const { entries } = await forwarded(delivery(record()));
  expect(entries).toHaveLength(1);
  const [entry] = entries;
  const body = {
    id: "an-id",
    source: entry?.source,
    account: "111122223333",
    "detail-type": entry?.detailType,
    time: "2026-01-01T12:05:00Z",
    detail: entry?.detail,
  };
  expect(parseHint(JSON.stringify(body), "111122223333")).toMatchObject({
    ok: true,
    hint: {
      cluster: "shop",
      kind: "hint",
      source: "osm.audit",
      object: { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" },
      actor: "alice",
      occurredAt: "2026-01-01T12:00:00.123Z",
    },
  });
});

test("writes to osm-config are told one by one, each once; all else together", async () => {
  const twice = record();
  const { objects } = await forwarded(
    delivery(twice, account("a"), record({ user: { username: "bob" } }), twice, account("b")),
  );
  expect(objects).toEqual([
    { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" },
    { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" },
    { kind: "ServiceAccount", namespace: "shop", name: "a" },
  ]);
});

describe("what is no write that matters", () => {
  test.each([
    ["a read", record({ verb: "get" })],
    ["a request that has just come", record({ stage: "RequestReceived" })],
    ["a refused one", record({ responseStatus: { code: 403 } })],
    ["one without an answer", record({ responseStatus: undefined })],
    ["the reconciler's own", record({ user: { username: "r", groups: ["osm:reconcilers"] } })],
    [
      "osm-config of another namespace",
      record({ objectRef: { resource: "configmaps", namespace: "a", name: "osm-config" } }),
    ],
    ["another ConfigMap", record({ objectRef: { resource: "configmaps", namespace: "osm-system", name: "b" } })],
    [
      "a Secret of that name",
      record({ objectRef: { resource: "secrets", namespace: "osm-system", name: "osm-config" } }),
    ],
    ["a pod", record({ verb: "create", objectRef: { resource: "pods", namespace: "shop", name: "web" } })],
    [
      "a token",
      account("web", {
        objectRef: { resource: "serviceaccounts", subresource: "token", namespace: "shop", name: "web" },
      }),
    ],
    ["what has no object", record({ objectRef: undefined })],
  ])("%s", async (_, one) => {
    const { told, entries } = await forwarded(delivery(one));
    expect([entries, told.malformed.count]).toEqual([[], 0]);
  });

  test("a control message", async () => {
    expect((await forwarded(pack({ messageType: "CONTROL_MESSAGE", logGroup: "", logEvents: [] }))).told.records).toBe(
      0,
    );
  });
});

describe("garbage", () => {
  test("among good records: they are told, it is counted", async () => {
    const { told, objects } = await forwarded(delivery("{", record(), "", { kind: "Event" }, account("a"), "null"));
    expect(objects).toHaveLength(2);
    expect(told).toMatchObject({ records: 6, events: 2, malformed: { count: 4, problem: "not JSON" } });
  });

  test.each([
    ["no base64 of gzip", "????", /^\[event-malformed\] awslogs\.data: /],
    ["cut short", delivery(record()).slice(0, 40), /^\[event-malformed\] awslogs\.data: /],
    ["no JSON in it", gzipSync("x").toString("base64"), /^\[event-malformed\] awslogs\.data: /],
    ["no records", pack({ messageType: "DATA_MESSAGE", logGroup: "/aws/eks/shop/cluster" }), /logEvents: /],
    [
      "another log group",
      pack({ messageType: "DATA_MESSAGE", logGroup: "/aws/lambda/x", logEvents: [] }),
      /logGroup: \/aws\/lambda\/x is not/,
    ],
    ["more than it may unpack to", gzipSync(Buffer.alloc(65 * 1024 * 1024)).toString("base64"), /awslogs\.data: /],
  ])("%s: the call fails and says where", async (_, data, message) => {
    await expect(forwarded(data)).rejects.toThrow(message);
  });
});
