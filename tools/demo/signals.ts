import { readFileSync } from "node:fs";

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const signals = Object.keys(exitCodes) as readonly (keyof typeof exitCodes)[];
const showCursor = "\u001b[?25h";

let stopping = false;

/** What fails from now on fails because it is being stopped. */
export function isStopping(): boolean {
  return stopping;
}

/**
 * Ends builds and downloads with this process while no world is there to do it. From then on the world's own listeners
 * stop what it holds, and end this process.
 */
export function stopBeforeTheWorld(): void {
  if (process.stdout.isTTY) process.on("exit", () => process.stdout.write(showCursor));
  for (const signal of signals) {
    process.on(signal, () => {
      if (!stopping) process.stdout.write("\nStopping …\n");
      stopping = true;
      if (process.listenerCount(signal) > 1) return;
      endChildren();
      process.exit(exitCodes[signal]);
    });
  }
}

/** The next signal ends nothing by itself: whoever waits does. */
export async function nextSignal(): Promise<void> {
  for (const signal of signals) process.removeAllListeners(signal);
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve());
  });
  clearInterval(alive);
}

/** Children and their children: what this process started, and nothing else. */
function endChildren(pid: number | string = "self"): void {
  let children: readonly string[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid === "self" ? process.pid : pid}/children`, "utf8")
      .split(" ")
      .filter(Boolean);
  } catch {
    return;
  }
  for (const child of children) {
    endChildren(child);
    try {
      process.kill(Number(child), "SIGTERM");
    } catch {
      // It has ended meanwhile.
    }
  }
}
