import { expect, test } from "vitest";
import { parseWatchLine } from "#lib/kube/watch-line.ts";

const object = { metadata: { name: "web", resourceVersion: "12" } };

test.each([
  ["ADDED", { kind: "added", resourceVersion: "12", object }],
  ["MODIFIED", { kind: "modified", resourceVersion: "12", object }],
  ["DELETED", { kind: "deleted", resourceVersion: "12", object }],
  ["BOOKMARK", { kind: "bookmark", resourceVersion: "12" }],
])("%s", (type, line) => {
  expect(parseWatchLine(JSON.stringify({ type, object }))).toEqual(line);
});

test.each([
  [`{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}`, "version-expired", "too old"],
  [`{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}`, "api-unavailable", "etcd"],
  [`{"type":"NEWKIND","object":{"metadata":{"resourceVersion":"1"}}}`, "api-unavailable", `{"type":"NEWKIND"`],
  [`{"type":"ADDED","object":{"metadata":{}}}`, "api-unavailable", `{"type":"ADDED"`],
  [`{"type":"ADDED"}`, "api-unavailable", `{"type":"ADDED"}`],
  ["null", "api-unavailable", "null"],
  ["", "api-unavailable", "not JSON"],
  ["<html>", "api-unavailable", "not JSON: <html>"],
])("%s is an error line", (text, reason, message) => {
  expect(parseWatchLine(text)).toEqual({ kind: "error", reason, message: expect.stringContaining(message) });
});
