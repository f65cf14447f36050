import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../tools/setup/command.ts";
import { cgroupHierarchies, type Slot } from "./slot.ts";

/** Everything on this machine that belongs to a run, each with what it is; empty once the run is stopped. */
export async function leftovers(slot: Slot): Promise<readonly string[]> {
  const found: string[] = [];
  const links = JSON.parse((await run(["ip", "-json", "link"])).stdout) as readonly { readonly ifname: string }[];
  for (const { ifname } of links) if (ifname.startsWith(`${slot.name}h`)) found.push(`link ${ifname}`);
  const routes = (await run(["ip", "route", "show", "root", slot.range])).stdout.trim().split("\n");
  for (const route of routes) if (route !== "") found.push(`route ${route}`);
  for (const hierarchy of await cgroupHierarchies()) {
    if (readdirSync(hierarchy).includes(slot.name)) found.push(`cgroup ${join(hierarchy, slot.name)}`);
  }
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    if (line.includes(`${slot.directory}/`)) found.push(`mount ${line}`);
  }
  for (const [pid, command] of processes()) {
    if (command.includes(`${slot.directory}/`)) found.push(`process ${pid}: ${command.slice(0, 120)}`);
  }
  if (readdirSync(join(slot.directory, "..")).includes(slot.name)) found.push(`directory ${slot.directory}`);
  return found;
}

/** Processes of a namespace, as this machine sees them. */
export function processesIn(namespace: string): readonly number[] {
  return processes().flatMap(([pid]) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`) === namespace ? [pid] : [];
    } catch {
      return [];
    }
  });
}

function processes(): readonly (readonly [number, string])[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [[Number(name), readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")] as const];
    } catch {
      return [];
    }
  });
}
