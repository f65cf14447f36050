import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, matchesGlob } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type Bundle, bundleFunctions } from "../../../tools/bundle.ts";

interface Declared {
  readonly handler: string;
  readonly package: { readonly patterns: readonly string[] };
}

const root = join(import.meta.dirname, "../../..");
const service = parse(readFileSync(join(root, "serverless.yml"), "utf8"), { logLevel: "silent" });
const functions = Object.entries(service.functions as Readonly<Record<string, Declared>>);

let outdir = "";
let bundles: readonly Bundle[] = [];
beforeAll(async () => {
  outdir = await mkdtemp(join(tmpdir(), "osm-bundle-"));
  bundles = await bundleFunctions(join(outdir, "dist"));
});
afterAll(() => rm(outdir, { recursive: true }));

describe.each(functions)("function %s", (_name, { handler, package: { patterns } }) => {
  const withoutExtension = handler.replace(/\.handler$/, "");

  test("nothing but its bundle lies where Lambda's loader looks first", () => {
    expect(existsSync(join(outdir, `${withoutExtension}.mjs`))).toBe(true);
    expect(existsSync(join(outdir, withoutExtension))).toBe(false);
  });

  test("its package has every file that was built for it", () => {
    const built = globSync(`${withoutExtension}{.mjs,-parts/**/*.mjs}`, { cwd: outdir });
    expect(built).not.toEqual([]);
    expect(built.filter((file) => !patterns.some((pattern) => matchesGlob(file, pattern)))).toEqual([]);
  });
});

test("only reconcile carries the Kubernetes client, and nobody what his part does not need", () => {
  const carriers = (name: string) => bundles.filter(({ packages }) => packages.includes(name)).map(({ file }) => file);
  expect(carriers("@kubernetes/client-node").filter((file) => file !== "functions/reconcile.mjs")).toEqual([]);
  expect(carriers("@aws-sdk/client-secrets-manager")).toEqual(["functions/gitops-webhook.mjs"]);
  expect(carriers("@aws-sdk/client-sqs")).toEqual(["functions/reconcile.mjs"]);
  // It does see packages.
  expect(carriers("@middy/core")).toHaveLength(functions.length);
});

test.each(["reconcile", "check-drift"])("%s reads the client for STS only when a role is to be assumed", (name) => {
  const files = globSync(`dist/functions/${name}{.mjs,-parts/*.mjs}`, { cwd: outdir });
  const readers = files.filter((file) => readFileSync(join(outdir, file), "utf8").includes("AssumeRoleCommand"));
  expect(readers.filter((file) => /-parts\/assume-role-\w+\.mjs$/.test(file))).toHaveLength(1);
  expect(readers).not.toContain(`dist/functions/${name}.mjs`);
});

test("every chunk belongs to a function's parts", () => {
  const parts = functions.map(([, { handler }]) => `${handler.replace(/\.handler$/, "")}-parts/`);
  const built = globSync("dist/functions/*/**/*.mjs", { cwd: outdir });
  expect(built).not.toEqual([]);
  expect(built.filter((file) => !parts.some((directory) => file.startsWith(directory)))).toEqual([]);
});
