import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../tools/setup/command.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "../../tools/setup/process-identity.ts";

/** What a run has to itself on this machine; two runs never have the same. */
export interface Slot {
  readonly index: number;
  /** Names its links, its cgroup and its directory. */
  readonly name: string;
  readonly directory: string;
  /** The host's end of the link, an IPv4 address in a /30 of its own. */
  readonly hostAddress: string;
  /** The world's end: the node's address. */
  readonly address: string;
  /** The range of the link, unreachable but for the link itself. */
  readonly range: string;
}

/** Directories of runs, one for each. Not the cache: nothing here outlives its run. */
export const runsRoot = join(tmpdir(), "osm-egress");

const slots = 60;

function slotOf(index: number): Slot {
  const name = `osme${index}`;
  return {
    index,
    name,
    directory: join(runsRoot, name),
    hostAddress: `10.254.${index}.1`,
    address: `10.254.${index}.2`,
    range: `10.254.${index}.0/24`,
  };
}

/** Takes the first free slot, after clearing away what killed runs left. */
export async function claimSlot(): Promise<Slot> {
  await mkdir(runsRoot, { recursive: true });
  await clearAbandoned();
  for (let index = 0; index < slots; index++) {
    const slot = slotOf(index);
    if (await isRouted(slot.range)) continue;
    try {
      await mkdir(slot.directory);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw cause;
    }
    await writeFile(ownerFile(slot), JSON.stringify(ownIdentity()));
    return slot;
  }
  throw new Error(`all ${slots} test worlds of this machine are in use: ${runsRoot}`);
}

/** Processes of the slot must be gone. Safe to repeat. */
export async function releaseSlot(slot: Slot): Promise<void> {
  await run(["ip", "link", "delete", `${slot.name}h`]).catch(() => undefined);
  await run(["ip", "route", "delete", "unreachable", slot.range]).catch(() => undefined);
  await removeCgroups(slot.name);
  await rm(slot.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

export function ownerOf(slot: Slot): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(ownerFile(slot), "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function ownerFile(slot: Slot): string {
  return join(slot.directory, "owner.json");
}

async function clearAbandoned(): Promise<void> {
  for (const name of await readdir(runsRoot)) {
    const index = /^osme(\d+)$/.exec(name)?.[1];
    if (index === undefined) continue;
    const slot = slotOf(Number(index));
    if (!(await isAbandoned(slot))) continue;
    try {
      // Of several runs that start now, one clears.
      await mkdir(join(slot.directory, "clearing"));
    } catch {
      continue;
    }
    await releaseSlot(slot);
  }
}

/** Processes of a killed run die with it (see ./namespaces.ts); its directory and cgroups stay. */
async function isAbandoned(slot: Slot): Promise<boolean> {
  const owner = ownerOf(slot);
  if (owner) return !isAlive(owner);
  const made = await stat(slot.directory).catch(() => undefined);
  return made !== undefined && Date.now() - made.mtimeMs > 30_000;
}

/** Whether anybody, a run of ours or not, has a route into the range. */
async function isRouted(range: string): Promise<boolean> {
  const { stdout } = await run(["ip", "-4", "route", "show", "root", range]);
  return stdout.trim() !== "";
}

/** Where the cgroup hierarchies are mounted: one on version 2, one for each controller on version 1. */
export async function cgroupHierarchies(): Promise<readonly string[]> {
  const root = "/sys/fs/cgroup";
  if (existsSync(join(root, "cgroup.controllers"))) return [root];
  const names = await readdir(root);
  return names.map((name) => join(root, name)).filter((path) => existsSync(join(path, "cgroup.procs")));
}

async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of await cgroupHierarchies()) await removeCgroup(join(hierarchy, name));
}

/** Children first; a cgroup's own files go with its directory. */
async function removeCgroup(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  // The kernel takes a moment to let go of the last process.
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return await rmdir(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EBUSY") return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
