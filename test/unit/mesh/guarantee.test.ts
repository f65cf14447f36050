import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { containerCodes, type OutsideReason, outsideCodes, outsideText, remedyOf } from "#lib/mesh/guarantee.ts";

const examples: Partial<Record<OutsideReason["code"], readonly string[]>> = {
  AddsCapabilities: ["NET_ADMIN"],
  KeepsCapabilities: ["SETUID", "SETGID", "NET_RAW"],
  EphemeralContainer: ["MayEscalate"],
  NodeVolumes: ["logs"],
  ExcludesRanges: ["10.0.0.0/8"],
  ExcludesPorts: ["6379"],
  ForeignSidecar: ["envoy command"],
  OutdatedCapture: ["10.0.0.0/8", "port 6379"],
  OwnNameServers: ["198.51.100.1"],
};

function example(code: OutsideReason["code"]): OutsideReason {
  const what = examples[code];
  const isOfContainers = code === "EphemeralContainer" || containerCodes.some((it) => it === code);
  return { code, ...(isOfContainers ? { containers: ["app"] } : {}), ...(what ? { what } : {}) };
}

test("docs/guarantee.md lists every code, in the status's own words", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/guarantee.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\| `[A-Z]/.test(line));
  expect(rows).toEqual(
    outsideCodes.map((code) => `| \`${code}\` | ${outsideText(example(code))} | ${remedyOf(code)} |`),
  );
});

test.each<readonly [OutsideReason, string]>([
  [{ code: "Privileged", containers: ["app"] }, "container app is privileged: free to change the pod's network"],
  [
    { code: "Privileged", containers: ["app", "log"] },
    "containers app, log are privileged: free to change the pod's network",
  ],
  [
    { code: "Privileged", containers: ["a", "b", "c", "d", "e"] },
    "containers a, b, c and 2 more are privileged: free to change the pod's network",
  ],
  [{ code: "HostNetwork" }, "the pod is in its node's network, where nothing is captured"],
  [
    { code: "ExcludesPorts", what: ["1".repeat(65)] },
    `the pod leaves ports ${"1".repeat(63)}… uncaptured, by annotation openservicemesh.io/outbound-port-exclusion-list`,
  ],
])("%j in words", (reason, text) => {
  expect(outsideText(reason)).toBe(text);
});
