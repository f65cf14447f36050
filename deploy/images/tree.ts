import { chmod, chown, copyFile, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownSource, type Source } from "../../tools/setup/architecture.ts";
import { librariesOf } from "./libraries.ts";

/** An image's root file system while it is put together. */
export interface Tree {
  readonly root: string;
  /** Of the programs in it. */
  readonly source: Source;
  directory(path: string, owner?: { readonly uid: number; readonly mode: number }): Promise<void>;
  text(path: string, content: string, mode?: number): Promise<void>;
  /** @param from  a file of this machine, maybe under the source's root; symbolic links are followed */
  file(path: string, from: string, mode?: number): Promise<void>;
  link(path: string, target: string): Promise<void>;
  /** Copies an ELF file to `path`, and of its source the loader and libraries that it needs to where it looks for them. */
  program(path: string, from: string): Promise<void>;
  /** The libraries of a program or plug-in that is there already. */
  librariesOf(from: string): Promise<void>;
}

export async function openTree(root: string, source: Source = ownSource()): Promise<Tree> {
  await mkdir(root, { recursive: true });
  const copied = new Set<string>();
  const tree: Tree = {
    root,
    source,
    async directory(path, owner) {
      await mkdir(join(root, path), { recursive: true });
      if (!owner) return;
      await chown(join(root, path), owner.uid, owner.uid);
      await chmod(join(root, path), owner.mode);
    },
    async text(path, content, mode = 0o644) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content, { mode });
      await chmod(join(root, path), mode);
    },
    async file(path, from, mode = 0o644) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await copyFile(await realpath(from), join(root, path));
      await chmod(join(root, path), mode);
    },
    async link(path, target) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await symlink(target, join(root, path));
    },
    async program(path, from) {
      await tree.file(path, from, 0o755);
      await tree.librariesOf(from);
    },
    async librariesOf(from) {
      for (const library of await librariesOf(from, source)) {
        if (copied.has(library)) continue;
        copied.add(library);
        await tree.file(library, join(source.root, library), 0o755);
      }
    },
  };
  return tree;
}
