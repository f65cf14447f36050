import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Architecture, type Source, triplets } from "../../tools/setup/architecture.ts";
import { readElf } from "./elf.ts";

/** Where the loader looks by itself, first place first. */
function searchPath(architecture: Architecture): readonly string[] {
  const triplet = triplets[architecture];
  return [`/lib/${triplet}`, `/usr/lib/${triplet}`, "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
}

/**
 * The loader and the libraries that a program or library needs, and those that they need.
 *
 * @param file  anywhere on this machine
 * @returns     paths as they are to be in the image; the files are at the same places under the source's root
 * @throws      for a library that is not there, and for one of another architecture
 */
export async function librariesOf(file: string, { architecture, root }: Source): Promise<readonly string[]> {
  const found = new Set<string>();
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const elf = await readElf(next);
    if (elf && elf.architecture !== architecture)
      throw new Error(`${next} is for ${elf.architecture}, not ${architecture}`);
    const { interpreter, needed = [] } = elf ?? {};
    // Libraries name the loader too; it is where the program says.
    const names = needed.filter((name) => !name.startsWith("ld-linux"));
    const paths = await Promise.all(names.map((name) => findLibrary(name, next, { architecture, root })));
    for (const path of [...(interpreter === undefined ? [] : [interpreter]), ...paths]) {
      if (found.has(path)) continue;
      found.add(path);
      open.push(join(root, path));
    }
  }
  return [...found].sort();
}

async function findLibrary(name: string, of: string, { architecture, root }: Source): Promise<string> {
  const places = searchPath(architecture);
  for (const place of places) {
    const path = `${place}/${name}`;
    const isThere = await access(join(root, path)).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new Error(`${of} needs ${name}, which is in none of ${places.join(", ")} under ${root}`);
}

/** Every program and library of a tree is for this architecture. @throws with the first that is not */
export async function expectArchitecture(tree: string, architecture: Architecture): Promise<void> {
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const elf = await readElf(path);
    if (elf && elf.architecture !== architecture) {
      throw new Error(`${path.slice(tree.length)} is for ${elf.architecture}; the image is for ${architecture}`);
    }
  }
}
