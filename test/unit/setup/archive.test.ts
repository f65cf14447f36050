import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeArchive } from "#deploy/images/archive.ts";
import { openTree } from "#deploy/images/tree.ts";
import { run } from "../../../tools/setup/command.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "archive-test-"));
});

afterEach(() => rm(directory, { recursive: true }));

const settings = { reference: "example/app:1", entrypoint: ["/bin/app"], user: "1500", environment: { KEY: "value" } };

async function treeOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const tree = await openTree(join(directory, name));
  for (const [path, content] of Object.entries(files)) await tree.text(path, content);
  return tree.root;
}

async function archiveOf(name: string, trees: readonly string[]): Promise<string> {
  const scratch = join(directory, `${name}-scratch`);
  await mkdir(scratch);
  const archive = join(directory, `${name}.tar`);
  await writeArchive(settings, trees, archive, scratch);
  return archive;
}

const member = async (archive: string, name: string): Promise<string> =>
  (await run(["tar", "--extract", "--to-stdout", "--file", archive, name])).stdout;

test("an archive names its layers, lowest first, by the digests of what is in them", async () => {
  const archive = await archiveOf("a", [
    await treeOf("low", { "/etc/low": "1" }),
    await treeOf("high", { "/etc/high": "2" }),
  ]);
  const [entry] = JSON.parse(await member(archive, "manifest.json"));
  expect(entry).toMatchObject({ RepoTags: ["example/app:1"], Layers: ["layer-0.tar", "layer-1.tar"] });
  const configText = await member(archive, entry.Config);
  expect(entry.Config).toBe(`${createHash("sha256").update(configText).digest("hex")}.json`);
  const config = JSON.parse(configText);
  expect(config).toMatchObject({ os: "linux", config: { Entrypoint: ["/bin/app"], User: "1500" } });
  expect(config.config.Env).toContain("KEY=value");
  await run(["tar", "--extract", "--file", archive, "--directory", directory]);
  for (const [index, file] of ["etc/low", "etc/high"].entries()) {
    const layer = join(directory, `layer-${index}.tar`);
    const digest = createHash("sha256")
      .update(await readFile(layer))
      .digest("hex");
    expect(config.rootfs.diff_ids[index]).toBe(`sha256:${digest}`);
    expect((await run(["tar", "--list", "--file", layer])).stdout.split("\n")).toContain(file);
  }
});

test("equal trees give equal bytes, whenever they were written; another byte gives others", async () => {
  const first = await treeOf("first", { "/b": "2", "/a": "1" });
  const second = await treeOf("second", { "/a": "1", "/b": "2" });
  await utimes(join(second, "a"), 1, 1);
  const third = await treeOf("third", { "/a": "1", "/b": "3" });
  const [one, two, other] = await Promise.all(
    (await Promise.all([archiveOf("1", [first]), archiveOf("2", [second]), archiveOf("3", [third])])).map((path) =>
      readFile(path),
    ),
  );
  expect(one).toEqual(two);
  expect(one?.equals(other ?? Buffer.alloc(0))).toBe(false);
});

test("a program comes with the loader and the libraries that it needs", async () => {
  const tree = await openTree(join(directory, "root"));
  await tree.program("/bin/program", process.execPath);
  const listed = (await run(["find", tree.root, "-type", "f"])).stdout;
  for (const library of ["libc.so.6", "libstdc++.so.6", "ld-linux"]) expect(listed).toContain(library);
});
