import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/** One line of progress, for a person who waits. */
export type Progress = (line: string) => void;

/** Where built and downloaded parts are kept between runs, outside every checkout. */
export function cacheRoot(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "osm-egress");
}

/** The key of a part: equal inputs, equal key. */
export function digestOf(...inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(`${input.length}:`).update(input);
  return hash.digest("hex").slice(0, 16);
}

export async function digestOfFiles(paths: readonly string[], ...more: readonly string[]): Promise<string> {
  return digestOf(...more, ...(await Promise.all(paths.map((path) => readFile(path)))));
}

/**
 * The directory `NAME-KEY` of the cache, built if it is not there: into a directory of its own, renamed when complete, so
 * that a killed build leaves nothing half done. Two runs at once: the second waits for the first.
 *
 * @param build writes the part's files into the directory that it is given
 */
export async function cached(
  name: string,
  key: string,
  build: (directory: string) => Promise<void>,
  progress: Progress = () => undefined,
): Promise<string> {
  const target = join(cacheRoot(), `${name}-${key}`);
  if (await touch(target)) return target;
  await mkdir(cacheRoot(), { recursive: true });
  const unlock = await lock(`${target}.lock`, () => progress(`${name}: another run is building it`));
  try {
    if (await exists(target)) return target;
    await removeMatching(`${name}-${key}.draft-`, 0);
    const draft = await mkdtemp(`${target}.draft-`);
    try {
      await build(draft);
      await rename(draft, target);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    return target;
  } finally {
    await unlock();
  }
}

/** Removes versions of a part that nobody has used for a day: some change with every edit of a source file. */
export async function removeUnused(name: string): Promise<void> {
  await removeMatching(`${name}-`, 24 * 3600_000);
}

async function removeMatching(prefix: string, unusedForMs: number): Promise<void> {
  for (const entry of await readdir(cacheRoot())) {
    if (!entry.startsWith(prefix) || entry.endsWith(".lock")) continue;
    const path = join(cacheRoot(), entry);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs >= unusedForMs) await rm(path, { recursive: true, force: true });
  }
}

/** Notes that a part is in use. @returns false when it is not there */
async function touch(path: string): Promise<boolean> {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** A build takes minutes at most; a lock whose holder has been silent for longer than this was left behind. */
const lockWaitMs = 30 * 60_000;

async function lock(path: string, onWait: () => void): Promise<() => Promise<void>> {
  const giveUpAt = Date.now() + lockWaitMs;
  for (let attempt = 0; Date.now() < giveUpAt; attempt++) {
    try {
      await writeFile(path, JSON.stringify(ownIdentity()), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    }
    if (await isAbandoned(path)) {
      // Renamed before it is removed: of several that wait, only one takes it away.
      const claimed = `${path}.${process.pid}`;
      await rename(path, claimed).then(
        () => rm(claimed, { force: true }),
        () => undefined,
      );
      continue;
    }
    if (attempt === 0) onWait();
    await sleep(500);
  }
  throw new Error(`${path}: still locked after ${lockWaitMs / 60_000} min`);
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    const text = await readFile(path, "utf8");
    if (text !== "") return !isAlive(JSON.parse(text) as ProcessIdentity);
    // Created a moment ago and not written yet, or its writer was killed in between.
    return Date.now() - (await stat(path)).mtimeMs > 10_000;
  } catch {
    return false;
  }
}
