import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
let tree: string;

/** A checkout of nothing but the gate, with a compiler that compiles until it is told to end. */
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "osm-gate-"));
  cpSync(join(root, "tools"), join(tree, "tools"), {
    recursive: true,
    filter: (path) => !path.includes("node_modules"),
  });
  program("node_modules/typescript/bin/tsc", "setInterval(() => {}, 1000); console.log('compiling');");
  program("tools/bundle-sizes.ts", "console.log('measuring');");
  program("package.json", '{ "type": "module" }');
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

function program(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}

/** @param onOutput  told everything that was written so far */
async function gate(lines: readonly string[], env: NodeJS.ProcessEnv, onOutput?: (text: string) => "end" | undefined) {
  const child = spawn(process.execPath, [join(tree, "tools/test.ts"), ...lines], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  let told = false;
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
    if (told || onOutput?.(text) !== "end") return;
    told = true;
    child.kill("SIGTERM");
  });
  const [code] = await once(child, "close");
  return { code, text };
}

test("told to end, it ends the line that runs and starts no other", async () => {
  const { code, text } = await gate(["types", "sizes"], {}, (said) => (said.includes("compiling") ? "end" : undefined));
  expect(code).toBe(1);
  expect(text).toContain("== types");
  expect(text).not.toContain("== sizes");
});

test.each(["golden", "node", "world"])("without a node, line %s is skipped with the reason", async (line) => {
  const { code, text } = await gate([line, "sizes"], { OSM_NO_NODE: "root: needed" });
  expect(text).toContain(`skipped: ${line}: root: needed`);
  expect(text).toContain("measuring");
  expect(code).toBe(0);
});
