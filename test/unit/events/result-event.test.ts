import { expect, test } from "vitest";
import { parseResult, type ResultEvent, resultEntry } from "#lib/events/result-event.ts";

const metadata = { id: "m-1", version: 1, cluster: "shop", time: "2026-11-20T10:00:00.123Z" } as const;
const sidecars = { total: 3, verified: 2, rejected: 0, unreachable: 1 };
const correlationId = "e-1";

const events: readonly ResultEvent[] = [
  {
    detailType: "Egress Rollout Started",
    detail: { correlationId, from: null, to: true, sidecars: 3, source: "osm.forwarder" },
  },
  {
    detailType: "Egress Rollout Converged",
    detail: {
      correlationId,
      egress: true,
      reason: "AllReachableVerified",
      sidecars,
      lagging: [{ pod: "shop/web-1", reason: "Unreachable" }],
      tookMs: 420,
    },
  },
  {
    detailType: "Egress Rollout Converged",
    detail: {
      correlationId,
      egress: false,
      reason: "AllVerified",
      sidecars: { ...sidecars, outsideGuarantee: 2 },
      lagging: [],
      tookMs: 0,
    },
  },
  {
    detailType: "Egress Rollout Halted",
    detail: { correlationId, egress: true, wave: 1, pod: "shop/web-1", reason: "Rejected" },
  },
  { detailType: "Egress Rollout Rolled Back", detail: { correlationId, egress: false, reason: "Rejected" } },
  {
    detailType: "Egress Value Rejected",
    detail: { correlationId, raw: "ture", problem: "must be a boolean", keeps: false },
  },
  {
    detailType: "Egress Drift Found",
    detail: { correlationId, found: [{ object: "ConfigMap shop/osm-sidecar.web", problem: "altered" }] },
  },
  {
    detailType: "Egress Drift Corrected",
    detail: { correlationId, corrected: [{ object: "ConfigMap shop/osm-sidecar.web", problem: "altered" }] },
  },
];

test.each(events)("$detailType goes out with its metadata and comes back", (event) => {
  const entry = resultEntry(event, metadata);
  expect(entry.source).toBe("osm.reconciler");
  expect(parseResult(entry.detailType, JSON.parse(JSON.stringify(entry.detail)))).toEqual({
    ok: true,
    event,
    metadata,
  });
});

test.each([
  ["a type that is none", "Egress Rollout", {}, "detail-type"],
  ["an object's property as a type", "toString", {}, "detail-type"],
  ["no metadata", "Egress Rollout Rolled Back", { correlationId, egress: true, reason: "x" }, "detail.metadata"],
  ["a field that is missing", "Egress Rollout Rolled Back", { metadata, correlationId, reason: "x" }, "detail.egress"],
  [
    "a raw value of 65 characters",
    "Egress Value Rejected",
    { metadata, correlationId, raw: "x".repeat(65), problem: "x", keeps: true },
    "detail.raw",
  ],
])("%s is malformed, and the field is named", (_, type, detail, field) => {
  expect(parseResult(type, detail)).toEqual({ ok: false, field, problem: expect.stringMatching(/./) });
});
