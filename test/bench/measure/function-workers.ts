import { readdir, readFile } from "node:fs/promises";
import type { Running } from "#test/aws/place.ts";
import { eventually } from "#test/eventually.ts";

/** A process of the emulator that runs one function, warm or at work. */
export interface Worker {
  /** As this machine sees it. */
  readonly pid: number;
  /** The most memory that it ever had. */
  readonly peakMiB: number;
}

/** The processes that run a function now. */
export async function workersOf(emulator: Running, functionName: string): Promise<readonly Worker[]> {
  const workers: Worker[] = [];
  for (const pid of await childrenOf(emulator.pid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!command.includes(`ministack-lambda-${functionName}-`)) continue;
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const peakKiB = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
    // One that has ended and was not collected yet has no memory.
    if (!Number.isNaN(peakKiB)) workers.push({ pid, peakMiB: peakKiB / 1024 });
  }
  return workers;
}

/** Ends them, so that the next message finds none: a cold start. */
export async function endWorkers(emulator: Running, functionName: string): Promise<void> {
  for (const { pid } of await workersOf(emulator, functionName)) process.kill(pid, "SIGKILL");
  const haveEnded = async () => (await workersOf(emulator, functionName)).length === 0;
  await eventually(`the processes of ${functionName} end`, haveEnded, { everyMs: 10 });
}

/** Of all its threads. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) => list.trim().split(" ").filter(Boolean).map(Number));
}
