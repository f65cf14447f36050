import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { CommandError } from "../failure.ts";

/** Text that was given to a command, and how to call it in an error. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** What counts in a directory; a file that is named may be called anything. */
const extensions = [".json", ".yaml", ".yml"];

/**
 * Files as `kubectl apply -R -f` takes them, in its order: a directory's entries by name, those of its directories among
 * them.
 *
 * @param names      files, directories, or `-` for standard input, which can be read once
 * @throws CommandError for what cannot be read
 */
export async function readSources(
  names: readonly string[],
  readStandardInput: () => Promise<string>,
): Promise<readonly Source[]> {
  if (names.filter((name) => name === "-").length > 1) {
    throw new CommandError("-f - is given twice, and standard input can be read once", "give it once");
  }
  const sources: Source[] = [];
  for (const name of names) {
    if (name === "-") sources.push({ name: "standard input", text: await readStandardInput() });
    else sources.push(...(await readPath(name)));
  }
  return sources;
}

async function readPath(name: string): Promise<readonly Source[]> {
  if (/^https?:\/\//.test(name)) {
    throw new CommandError(`${name}: addresses are not read`, `curl -fsS ${name} | osm inject -f -`);
  }
  try {
    if (!(await stat(name)).isDirectory()) return [await readSource(name)];
    const files = await manifestsUnder(name);
    if (files.length > 0) return await Promise.all(files.map(readSource));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === "ENOENT" ? "there is no such file or directory" : code;
    throw new CommandError(
      `${name}: ${why}`,
      "give files or directories that you may read, or - for standard input",
      cause,
    );
  }
  throw new CommandError(
    `${name}: nothing in this directory ends in ${extensions.join(", ")}`,
    "give one that has manifests",
  );
}

async function readSource(name: string): Promise<Source> {
  return { name, text: await readFile(name, "utf8") };
}

async function manifestsUnder(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  const files: string[] = [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(await manifestsUnder(path)));
    else if (extensions.includes(extname(entry.name))) files.push(path);
  }
  return files;
}
