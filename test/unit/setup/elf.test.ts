import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeArchive } from "#deploy/images/archive.ts";
import { readElf } from "#deploy/images/elf.ts";
import { expectArchitecture, librariesOf } from "#deploy/images/libraries.ts";
import { openTree } from "#deploy/images/tree.ts";
import { architectureOf, ownSource, type Source } from "../../../tools/setup/architecture.ts";
import { run } from "../../../tools/setup/command.ts";

let directory: string;
let foreign: Source;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "elf-test-"));
  foreign = { architecture: "arm64", root: join(directory, "foreign") };
});
afterEach(() => rm(directory, { recursive: true }));

interface Head {
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
}

const baseAddress = 0x10_000;
const arm = 183;
const amd = 62;

/** An ELF file of headers alone, which is all that is read of one. */
function elf({ machine = arm, interpreter = "", needed = [] }: Head): Buffer {
  const head = Buffer.alloc(64);
  head.write("\u007fELF", "latin1");
  head.set([2, 1, 1], 4);
  head.writeUInt16LE(machine, 18);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(3, 56);
  const loader = Buffer.from(`${interpreter}\0`, "latin1");
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join("")}`, "latin1");
  const start = 64 + 3 * 56;
  const stringsAt = start + loader.length;
  let offset = 1;
  const entries = needed.map((name) => {
    const entry = [1, offset] as const;
    offset += name.length + 1;
    return entry;
  });
  const table = [...entries, [5, baseAddress + stringsAt], [10, strings.length], [0, 0]] as const;
  const dynamic = Buffer.alloc(table.length * 16);
  table.forEach(([tag = 0, value = 0], at) => {
    dynamic.writeBigInt64LE(BigInt(tag), at * 16);
    dynamic.writeBigUInt64LE(BigInt(value), at * 16 + 8);
  });
  const dynamicAt = stringsAt + strings.length;
  const segment = (type: number, at: number, size: number) => {
    const bytes = Buffer.alloc(56);
    bytes.writeUInt32LE(type, 0);
    bytes.writeBigUInt64LE(BigInt(at), 8);
    bytes.writeBigUInt64LE(BigInt(baseAddress + at), 16);
    bytes.writeBigUInt64LE(BigInt(size), 32);
    return bytes;
  };
  // Type 0 is nothing: a library has no loader.
  const segments = [
    segment(1, 0, dynamicAt + dynamic.length),
    segment(interpreter === "" ? 0 : 3, start, loader.length),
    segment(2, dynamicAt, dynamic.length),
  ];
  return Buffer.concat([head, ...segments, loader, strings, dynamic]);
}

async function file(root: string, path: string, bytes: Buffer | string): Promise<string> {
  const full = join(root, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, bytes);
  return full;
}

const loader = "/lib/ld-linux-aarch64.so.1";

test("the head of a program tells its architecture, its loader and its libraries", async () => {
  const path = await file(directory, "program", elf({ interpreter: loader, needed: ["libc.so.6", "libm.so.6"] }));
  expect(await readElf(path)).toEqual({
    architecture: "arm64",
    interpreter: loader,
    needed: ["libc.so.6", "libm.so.6"],
  });
});

test("what is no ELF is none, and one of a third machine is refused", async () => {
  expect(await readElf(await file(directory, "script", "#!/bin/sh\n".repeat(20)))).toBeUndefined();
  expect(await readElf(await file(directory, "empty", ""))).toBeUndefined();
  await expect(readElf(await file(directory, "riscv", elf({ machine: 243 })))).rejects.toThrow("machine 243");
});

test.each([process.execPath, "/usr/sbin/xtables-nft-multi"])(
  "of %s the same libraries are found as the loader finds",
  async (program) => {
    const { stdout } = await run(["ldd", program]);
    const loaded = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => realpath(path));
    const found = (await librariesOf(program, ownSource())).map((path) => realpath(path));
    expect((await Promise.all(found)).toSorted()).toEqual((await Promise.all(loaded)).toSorted());
  },
);

test("another architecture's libraries, and theirs, are found under its root", async () => {
  const { root } = foreign;
  const program = await file(root, "usr/bin/program", elf({ interpreter: loader, needed: ["libone.so.1"] }));
  await file(root, loader, elf({}));
  await file(root, "usr/lib/aarch64-linux-gnu/libone.so.1", elf({ needed: ["libtwo.so.2"] }));
  await file(root, "lib/aarch64-linux-gnu/libtwo.so.2", elf({ needed: ["libone.so.1"] }));
  const wanted = ["/lib/aarch64-linux-gnu/libtwo.so.2", loader, "/usr/lib/aarch64-linux-gnu/libone.so.1"];
  expect(await librariesOf(program, foreign)).toEqual(wanted);

  const tree = await openTree(join(directory, "tree"), foreign);
  await tree.program("/usr/local/bin/program", program);
  for (const path of wanted) expect(await readElf(join(tree.root, path))).toMatchObject({ architecture: "arm64" });
  await expectArchitecture(tree.root, "arm64");
  await expect(expectArchitecture(tree.root, "amd64")).rejects.toThrow("is for arm64; the image is for amd64");
});

test("a library that is missing, or this machine's, ends it", async () => {
  const { root } = foreign;
  const program = await file(root, "program", elf({ needed: ["libone.so.1"] }));
  await expect(librariesOf(program, foreign)).rejects.toThrow("needs libone.so.1, which is in none of");
  await file(root, "lib/libone.so.1", elf({ machine: amd }));
  await expect(librariesOf(program, foreign)).rejects.toThrow("libone.so.1 is for amd64, not arm64");
});

test("an archive says which architecture it is for", async () => {
  const tree = await openTree(join(directory, "tree"), foreign);
  await tree.text("/etc/motd", "hello");
  const scratch = join(directory, "scratch");
  await mkdir(scratch);
  const archive = join(directory, "image.tar");
  await writeArchive({ reference: "example/app:1", architecture: "arm64" }, [tree.root], archive, scratch);
  const member = async (name: string) =>
    (await run(["tar", "--extract", "--to-stdout", "--file", archive, name])).stdout;
  const [entry] = JSON.parse(await member("manifest.json")) as readonly { readonly Config: string }[];
  expect(JSON.parse(await member(entry?.Config ?? ""))).toMatchObject({ architecture: "arm64", os: "linux" });
});

test("a name that is no architecture is refused", () => {
  expect(architectureOf("arm64")).toBe("arm64");
  for (const name of ["aarch64", "x64", "", "toString"]) expect(() => architectureOf(name)).toThrow("amd64 and arm64");
});
