import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bootstrap } from "#lib/envoy/bootstrap.ts";
import { canonicalJson, type Json } from "#lib/envoy/canonical-json.ts";
import { sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { sidecarFiles } from "#lib/mesh/names.ts";
import { policies } from "./policies.ts";

/** OSM_WRITE_GOLDENS=1 writes what is rendered now; the diff is for reading. */
const rewrite = process.env["OSM_WRITE_GOLDENS"] === "1";
const directory = join(import.meta.dirname, "sidecars");
const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** By file name: what is rendered, made readable. */
const rendered = new Map<string, Json>([
  ["bootstrap.json", bootstrap()],
  ...Object.entries(policies).map(([name, policy]): [string, Json] => {
    const { digest, files } = sidecarConfig(policy);
    const parsed = sidecarFiles.map((file) => [file, JSON.parse(files[file]) as Json]);
    return [`${name}.json`, { digest, ...Object.fromEntries(parsed) }];
  }),
]);

if (rewrite) {
  mkdirSync(directory, { recursive: true });
  for (const [name, value] of rendered) writeFileSync(join(directory, name), pretty(JSON.parse(canonicalJson(value))));
}

describe("what is rendered is what stands in the file", () => {
  test.each([...rendered])("%s", (name, value) => {
    expect(pretty(JSON.parse(canonicalJson(value)))).toBe(readFileSync(join(directory, name), "utf8"));
  });
});

test("every file has a policy", () => {
  expect(readdirSync(directory).sort()).toEqual([...rendered.keys()].sort());
});

test("no two policies render the same", () => {
  const digests = Object.values(policies).map((policy) => sidecarConfig(policy).digest);
  // Without Services there is nothing in-mesh to allow or to refuse.
  expect(new Set(digests).size).toBe(digests.length);
});
