import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { completeLines } from "#test/cluster/complete-lines.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "osm-lines-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function linesOf(text: string, start?: number): Promise<readonly string[]> {
  const path = join(directory, "log");
  await writeFile(path, text);
  const lines: string[] = [];
  for await (const line of completeLines(path, start)) lines.push(line);
  return lines;
}

/** Longer than what is read at once, and no chunk ends where a line or a letter does. */
const long = "ä".repeat(100_001);

test.each<[string, string, readonly string[]]>([
  ["nothing yet", "", []],
  ["half a line", '{"ver', []],
  ["a line without its line feed", "{}", []],
  ["a line", "{}\n", ["{}"]],
  ["two lines and half of a third", "{}\n[]\n{", ["{}", "[]"]],
  ["lines over several chunks", `a\n${long}\nb\n${long}`, ["a", long, "b"]],
])("%s", async (_what, text, lines) => {
  expect(await linesOf(text)).toEqual(lines);
});

test("from a mark on", async () => {
  expect(await linesOf("ä\nb\nc", 3)).toEqual(["b"]);
});
