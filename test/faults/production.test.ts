import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const shipped = globSync("{lib,functions,deploy}/**/*.ts", { cwd: root });

/** What a module imports, statically or when it is needed. */
function importsOf(file: string): readonly string[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name = ""]) => name);
}

test("nothing that is shipped reaches for what strikes it in the tests", () => {
  expect(shipped.length).toBeGreaterThan(200);
  const reaching = shipped.filter((file) => importsOf(file).some((name) => /(^#|\/)test\//.test(name)));
  expect(reaching).toEqual([]);
});

test("the loop has no way to the world, to its clock or to a timer but its ports: every await of it is a step", () => {
  const loop = [...shipped.filter((file) => file.startsWith("lib/reconcile/")), "lib/aws/queued-pass.ts"];
  expect(loop.length).toBeGreaterThan(10);
  // The queue's own module gives nothing but arithmetic to a pass; the rest of it is behind the ports. And p-limit puts
  // the ports' calls one behind the other, and has neither a clock nor calls of its own.
  const harmless = new Set(["aws-lambda", "p-limit"]);
  const outside = loop.flatMap((file) =>
    importsOf(file)
      .filter((name) => !name.startsWith(".") && !harmless.has(name))
      .map((name) => `${file} imports ${name}`),
  );
  expect(outside).toEqual([]);
  const worldly = /\b(setTimeout|setInterval|setImmediate|fetch|performance|process|Date\.now|new Date\(\))\b/;
  const reaching = loop.filter((file) => worldly.test(codeOf(file)));
  expect(reaching).toEqual([]);
});

/** Without its comments. */
function codeOf(file: string): string {
  return readFileSync(join(root, file), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/\/\/.*$/gm, "");
}
