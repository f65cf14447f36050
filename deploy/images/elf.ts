import { type FileHandle, open } from "node:fs/promises";
import type { Architecture } from "../../tools/setup/architecture.ts";

/** What the head of a program or library says. */
export interface Elf {
  readonly architecture: Architecture;
  /** The loader's path; absent in libraries and static programs. */
  readonly interpreter?: string;
  /** File names of libraries, as the loader looks for them. */
  readonly needed: readonly string[];
}

const machines: ReadonlyMap<number, Architecture> = new Map([
  [62, "amd64"],
  [183, "arm64"],
]);
const segment = { load: 1, dynamic: 2, interpreter: 3 };
const tag = { needed: 1, strings: 5, stringsSize: 10 };

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/**
 * Reads 64-bit little-endian ELF, of which both architectures are.
 *
 * @returns undefined for a file that is none
 * @throws  for one of another machine
 */
export async function readElf(path: string): Promise<Elf | undefined> {
  const file = await open(path);
  try {
    const head = await bytesAt(file, 0, 64);
    if (head.length < 64 || head.toString("latin1", 0, 4) !== "\u007fELF" || head[4] !== 2 || head[5] !== 1) {
      return undefined;
    }
    const machine = head.readUInt16LE(18);
    const architecture = machines.get(machine);
    if (architecture === undefined) throw new Error(`${path}: ELF of machine ${machine}, neither amd64 nor arm64`);
    const segments = await readSegments(file, head);
    const found = segments.find(({ type }) => type === segment.interpreter);
    const interpreter = found && textAt(await bytesAt(file, found.offset, found.size), 0);
    return {
      architecture,
      ...(interpreter === undefined ? {} : { interpreter }),
      needed: await readNeeded(file, segments),
    };
  } finally {
    await file.close();
  }
}

async function readSegments(file: FileHandle, head: Buffer): Promise<readonly Segment[]> {
  const [size, count] = [head.readUInt16LE(54), head.readUInt16LE(56)];
  const table = await bytesAt(file, Number(head.readBigUInt64LE(32)), size * count);
  return Array.from({ length: count }, (_, index) => {
    const at = index * size;
    return {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      size: Number(table.readBigUInt64LE(at + 32)),
    };
  });
}

async function readNeeded(file: FileHandle, segments: readonly Segment[]): Promise<readonly string[]> {
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  if (!dynamic) return [];
  const table = await bytesAt(file, dynamic.offset, dynamic.size);
  const entries: (readonly [tag: number, value: number])[] = [];
  for (let at = 0; at + 16 <= table.length; at += 16) {
    entries.push([Number(table.readBigInt64LE(at)), Number(table.readBigUInt64LE(at + 8))]);
  }
  const value = (wanted: number) => entries.find(([found]) => found === wanted)?.[1] ?? 0;
  const address = value(tag.strings);
  const holder = segments.find(
    ({ type, address: start, size }) => type === segment.load && start <= address && address < start + size,
  );
  if (!holder) return [];
  const strings = await bytesAt(file, holder.offset + address - holder.address, value(tag.stringsSize));
  return entries.filter(([found]) => found === tag.needed).map(([, offset]) => textAt(strings, offset));
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(length), position });
  return buffer.subarray(0, bytesRead);
}

/** Up to the zero byte. */
function textAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString("latin1", start, end === -1 ? bytes.length : end);
}
