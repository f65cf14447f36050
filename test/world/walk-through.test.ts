import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isFull } from "#test/counts.ts";
import { pageText, readPage, shapeOf } from "../../tools/walk-through/page.ts";
import { atTerminal, columns } from "../../tools/walk-through/terminal.ts";
import { walk } from "../../tools/walk-through/walk.ts";
import { startMeshWorld } from "./mesh-world.ts";

const options = { directory: tmpdir(), environment: { PATH: process.env["PATH"] ?? "" } };

test("a line runs at a terminal of its own, whose width it knows, and its exit code is told", async () => {
  const line = "test -t 1 && stty size | cut -d' ' -f2; echo wrong >&2; exit 3";
  expect(await atTerminal(line, options)).toEqual({ text: `${columns}\nwrong`, exitCode: 3 });
});

test("one that does not end is ended", async () => {
  expect((await atTerminal("sleep 60", { ...options, patienceMs: 500 })).exitCode).not.toBe(0);
});

test.each(isFull ? ["docs/walk-through.md"] : [])("%s shows what the commands show today", async (file) => {
  const mesh = await startMeshWorld();
  try {
    const shapes = (page: string) =>
      readPage(page).map(({ typed, shown }) => ({ typed: shapeOf(typed.at(-1) ?? ""), shown: shapeOf(shown) }));
    const page = await readFile(join(import.meta.dirname, "../..", file), "utf8");
    expect(shapes(pageText(await walk(mesh)))).toEqual(shapes(page));
  } finally {
    await mesh.stop();
  }
});
