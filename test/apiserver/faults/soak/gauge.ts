import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { heapHeld } from "../heap-held.ts";

/** What a process holds at one time. */
export interface Held {
  /** Operations so far. */
  readonly at: number;
  /** MiB that something refers to. */
  readonly memory: number;
  /** MiB that the machine gives it. */
  readonly resident: number;
  /** Open descriptors. */
  readonly handles: number;
  /** How many of each kind: where a connection leads, or what else it is. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** Of a process of this machine, started so that `heapHeld` can ask it. */
export async function heldBy(child: ChildProcess, at: number): Promise<Held> {
  const { pid } = child;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
  const peers = peersBySocket(pid);
  const kinds: Record<string, number> = {};
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  for (const link of links) {
    const kind = peers.get(link) ?? link.replace(/:\[\d+\]$/, "");
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return { at, memory: await heapHeld(child), resident, handles: links.length, kinds };
}

/** Closed since they were listed, it has none. */
function linkOf(path: string): readonly string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

/** By the link of a descriptor: remote port and state of a TCP connection. */
function peersBySocket(pid: number | undefined): ReadonlyMap<string, string> {
  const rows = readFileSync(`/proc/${pid}/net/tcp`, "utf8").trim().split("\n").slice(1);
  return new Map(
    rows.map((row) => {
      const [, , remote = "", state = "", , , , , , inode = ""] = row.trim().split(/\s+/);
      return [
        `socket:[${inode}]`,
        `tcp to ${Number.parseInt(remote.split(":")[1] ?? "", 16)} (${states[state] ?? state})`,
      ];
    }),
  );
}
const states: Readonly<Record<string, string>> = { "01": "open", "08": "other side closed", "0A": "listening" };

/** Least squares. @returns how much is added in a thousand operations */
export function slope(held: readonly Held[], of: "memory" | "handles"): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [atMean, mean0] = [mean(held.map(({ at }) => at)), mean(held.map((one) => one[of]))];
  const along = held.reduce((sum, one) => sum + (one.at - atMean) * (one[of] - mean0), 0);
  return (1_000 * along) / held.reduce((sum, { at }) => sum + (at - atMean) ** 2, 0);
}
