/**
 * `npm run walk-through`: does what the README says, in a world of its own, and writes what it showed to
 * docs/walk-through.md. Needs what the tests need (Linux, root).
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startMeshWorld } from "#test/world/mesh-world.ts";
import { pageText } from "./walk-through/page.ts";
import { walk } from "./walk-through/walk.ts";

const page = join(import.meta.dirname, "../docs/walk-through.md");

const mesh = await startMeshWorld({ log: (line) => console.error(line) });
try {
  await writeFile(page, pageText(await walk(mesh, (line) => console.error(`$ ${line}`))));
  console.error(`written: ${page}`);
} finally {
  await mesh.stop();
}
