import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cached, removeUnused } from "../../../tools/setup/cache.ts";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "cache-test-"));
  vi.stubEnv("XDG_CACHE_HOME", home);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

const entries = (): Promise<readonly string[]> => readdir(join(home, "osm-egress"));

test("a part is built once and found afterwards", async () => {
  let built = 0;
  const build = async (directory: string): Promise<void> => {
    built++;
    await writeFile(join(directory, "file"), "content");
  };
  const first = await cached("part", "k1", build);
  expect(await cached("part", "k1", build)).toBe(first);
  expect(await readFile(join(first, "file"), "utf8")).toBe("content");
  await cached("part", "k2", build);
  expect(built).toBe(2);
  expect(await entries()).toEqual(["part-k1", "part-k2"]);
});

test("two at once: the second waits for the first and says so", async () => {
  let built = 0;
  const waits: string[] = [];
  const build = async (): Promise<void> => {
    built++;
    await new Promise((resolve) => setTimeout(resolve, 200));
  };
  await Promise.all([1, 2].map(() => cached("part", "k", build, (line) => waits.push(line))));
  expect(built).toBe(1);
  expect(waits).toEqual(["part: another run is building it"]);
});

test("a build that fails leaves nothing, and the next one is tried", async () => {
  await expect(cached("part", "k", () => Promise.reject(new Error("no network")))).rejects.toThrow("no network");
  expect(await entries()).toEqual([]);
  await cached("part", "k", async () => undefined);
  expect(await entries()).toEqual(["part-k"]);
});

test("a build that was killed is done again, and its draft goes", async () => {
  const module = join(import.meta.dirname, "../../../tools/setup/cache.ts");
  const script = `import { cached } from ${JSON.stringify(module)};
    await cached("part", "k", async () => { console.log("building"); await new Promise((r) => setTimeout(r, 60_000)); });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await entries()).toHaveLength(2);
  await cached("part", "k", async () => undefined);
  expect(await entries()).toEqual(["part-k"]);
});

test("versions unused for a day go, others stay", async () => {
  for (const key of ["old", "new"]) await cached("part", key, async () => undefined);
  await cached("party", "old", async () => undefined);
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 3600_000);
  for (const name of ["part-old", "party-old"]) await utimes(join(home, "osm-egress", name), twoDaysAgo, twoDaysAgo);
  await removeUnused("part");
  expect(await entries()).toEqual(["part-new", "party-old"]);
});
