import { readdirSync, readFileSync } from "node:fs";

/** What a process holds at one time. */
export interface Held {
  /** Operations so far. */
  readonly at: number;
  /** Resident, MiB. */
  readonly memory: number;
  /** Open descriptors. */
  readonly handles: number;
}

/** Of a process of this machine. */
export function heldBy(pid: number | undefined, at: number): Held {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const memory = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
  return { at, memory, handles: readdirSync(`/proc/${pid}/fd`).length };
}

/** Least squares. @returns how much is added in a thousand operations */
export function slope(held: readonly Held[], of: "memory" | "handles"): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [atMean, mean0] = [mean(held.map(({ at }) => at)), mean(held.map((one) => one[of]))];
  const along = held.reduce((sum, one) => sum + (one.at - atMean) * (one[of] - mean0), 0);
  return (1_000 * along) / held.reduce((sum, { at }) => sum + (at - atMean) ** 2, 0);
}
