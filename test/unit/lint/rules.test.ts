import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureLintTools, lintEnvironment, lintTool } from "../../../tools/lint/tools.ts";

const root = join(import.meta.dirname, "../../..");
const other = "export const x = 1;\n";

/** One fault per file, under the path where the rule is to bite, and the rule that must name it. */
const faults: readonly (readonly [path: string, code: string, rule: string])[] = [
  ["lib/mesh/client.ts", `import { request } from "undici";\nexport const a = request;`, "no-restricted-imports"],
  [
    "lib/mesh/files.ts",
    `import { readFileSync } from "node:fs";\nexport const a = readFileSync;`,
    "no-restricted-imports",
  ],
  ["lib/mesh/upward.ts", `import { x } from "../kube/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/mesh/alias.ts", `import { x } from "#lib/rollout/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/mesh/lazy.ts", `export const a = () => import("../kube/other.ts");`, "no-restricted-imports"],
  ["lib/envoy/upward.ts", `import { x } from "../rollout/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/rollout/upward.ts", `import { x } from "../reconcile/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/reconcile/upward.ts", `import { x } from "../aws/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/forwarder/upward.ts", `import { x } from "../cli/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/events/upward.ts", `import { x } from "../kube/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/kube/aside.ts", `import { x } from "../aws/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["lib/kube/test.ts", `import { x } from "#test/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  [
    "lib/cli/sdk.ts",
    `import { SQSClient } from "@aws-sdk/client-sqs";\nexport const a = SQSClient;`,
    "no-restricted-imports",
  ],
  [
    "lib/cli/kube.ts",
    `import { KubeConfig } from "@kubernetes/client-node";\nexport const a = KubeConfig;`,
    "no-restricted-imports",
  ],
  [
    "lib/aws/kube.ts",
    `import { KubeConfig } from "@kubernetes/client-node";\nexport const a = KubeConfig;`,
    "no-restricted-imports",
  ],
  [
    "functions/sdk.ts",
    `import { SQSClient } from "@aws-sdk/client-sqs";\nexport const a = SQSClient;`,
    "no-restricted-imports",
  ],
  ["functions/aside.ts", `import { x } from "#lib/cli/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["deploy/upward.ts", `import { x } from "#lib/cli/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ["deploy/images/upward.ts", `import { x } from "#lib/cli/other.ts";\nexport const a = x;`, "no-restricted-imports"],
  ...["mesh", "envoy", "rollout"].flatMap((folder) => [
    [`lib/${folder}/now.ts`, "export const a = Date.now();", "no-restricted-properties"] as const,
    [`lib/${folder}/new-date.ts`, "export const a = new Date();", "plugin"] as const,
    [`lib/${folder}/chance.ts`, "export const a = Math.random();", "no-restricted-properties"] as const,
    [
      `lib/${folder}/timer.ts`,
      "export const a = () => setTimeout(() => undefined, 1);",
      "no-restricted-globals",
    ] as const,
    [`lib/${folder}/environment.ts`, `export const a = process.env["A"];`, "no-process-env"] as const,
  ]),
  ["lib/kube/environment.ts", `export const a = process.env["A"];`, "no-process-env"],
  ["lib/kube/floating.ts", "export function a(): void {\n  Promise.resolve(1);\n}", "no-floating-promises"],
  ["lib/kube/misused.ts", "export const a = (b: string[]) => b.filter(async () => true);", "no-misused-promises"],
  [
    "lib/kube/exhaustive.ts",
    `export function a(b: "x" | "y"): void {\n  switch (b) {\n    case "x":\n      console.log(b);\n  }\n}`,
    "switch-exhaustiveness-check",
  ],
  ["lib/kube/any.ts", "export const a = (b: any) => b;", "no-explicit-any"],
  ["lib/kube/cycle-a.ts", `import { b } from "./cycle-b.ts";\nexport const a = () => b;`, "no-cycle"],
  ["lib/kube/cycle-b.ts", `import { a } from "./cycle-a.ts";\nexport const b = () => a;`, "no-cycle"],
  ["lib/kube/enumeration.ts", "export enum A {\n  B,\n}", "noEnum"],
  ["lib/kube/default.ts", "const a = 1;\nexport default a;", "noDefaultExport"],
  ["lib/kube/barrel.ts", `export * from "./other.ts";`, "noBarrelFile"],
  ["lib/kube/camelCase.ts", "export const a = 1;", "useFilenamingConvention"],
  [
    "test/only.test.ts",
    `import { expect, test } from "vitest";\ntest.only("a", () => expect(1).toBe(1));`,
    "no-focused-tests",
  ],
  [
    "test/skip.test.ts",
    `import { expect, test } from "vitest";\ntest.skip("a", () => expect(1).toBe(1));`,
    "no-disabled-tests",
  ],
  [
    "test/conditional.test.ts",
    `import { expect, test } from "vitest";\ntest("a", () => {\n  if (Math.random()) expect(1).toBe(1);\n});`,
    "no-conditional-expect",
  ],
];

/** What must pass, though it is near to a fault. */
const allowed: readonly (readonly [path: string, code: string])[] = [
  ...["mesh", "envoy", "rollout", "reconcile", "kube", "aws", "cli"].map(
    (folder) => [`lib/${folder}/other.ts`, other] as const,
  ),
  ["test/other.ts", other],
  ["deploy/other.ts", other],
  ["functions/lazy.ts", `export const a = () => import("#deploy/other.ts");`],
  [
    "lib/rollout/downward.ts",
    `import { x } from "../mesh/other.ts";\nimport { x as y } from "../envoy/other.ts";\nexport const a = x + y;`,
  ],
  [
    "lib/rollout/told-time.ts",
    'export const a = (ms: number) => new Date(ms).toISOString() + Date.parse("2026-01-01");',
  ],
  ["lib/kube/own.ts", `import { KubeConfig } from "@kubernetes/client-node";\nexport const a = KubeConfig;`],
  ["lib/aws/own.ts", `import { SQSClient } from "@aws-sdk/client-sqs";\nexport const a = SQSClient;`],
  ["lib/aws/settings.ts", `export const a = process.env["A"];`],
  ["lib/kube/now.ts", "export const a = () => [Date.now(), new Date()];"],
];

let tree: string;
const found = new Map<string, Set<string>>();

function report(tool: "biome" | "oxlint", args: readonly string[]): string {
  const env = { ...process.env, ...lintEnvironment };
  return spawnSync(lintTool(tool), args, { cwd: tree, env, encoding: "utf8", maxBuffer: 2 ** 26 }).stdout;
}

beforeAll(async () => {
  await ensureLintTools();
  tree = mkdtempSync(join(tmpdir(), "osm-lint-"));
  for (const name of ["oxlint.config.ts", "biome.json", "tsconfig.json", "package.json", "tools/lint/plugins"]) {
    cpSync(join(root, name), join(tree, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  for (const [path, code] of [...faults, ...allowed]) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), `${code}\n`);
  }
  const note = (path: string, rule: string) => found.set(path, (found.get(path) ?? new Set()).add(rule));
  const oxlint = JSON.parse(report("oxlint", ["--type-aware", "--format=json"])) as {
    diagnostics: readonly { filename: string; code: string }[];
  };
  for (const { filename, code } of oxlint.diagnostics) note(filename, code.replace(/^.*\((.*)\)$/, "$1"));
  const biome = JSON.parse(
    report("biome", ["lint", "--vcs-enabled=false", "--reporter=json", "--max-diagnostics=none"]),
  ) as {
    diagnostics: readonly { location: { path: string | { file: string } }; category: string }[];
  };
  for (const { location, category } of biome.diagnostics) {
    note(typeof location.path === "string" ? location.path : location.path.file, category.replace(/^.*\//, ""));
  }
}, 120_000);
afterAll(() => {
  if (tree) rmSync(tree, { recursive: true, force: true });
});

test.each(faults.map(([path, , rule]) => [path, rule] as const))("%s breaks %s", (path, rule) => {
  expect([...(found.get(path) ?? [])]).toContain(rule);
});

test.each(allowed.map(([path]) => [path] as const))("%s is allowed", (path) => {
  expect([...(found.get(path) ?? [])]).toEqual([]);
});
