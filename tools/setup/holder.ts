import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until a process that was started in the background is ready, and passes on what it logs meanwhile. One that is
 * not ready in time is told to end.
 *
 * @throws Error when it ends before, by itself or by a signal, or is not ready in time
 */
export async function untilReady(
  holder: ChildProcess,
  logPath: string,
  isReady: () => Promise<boolean>,
  limitMs: number,
  write: (text: string) => void,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  let shown = 0;
  while (!(await isReady())) {
    const why = ended(holder) ?? (performance.now() > deadlineMs ? `not ready after ${limitMs / 1000} s` : undefined);
    if (why !== undefined) {
      holder.kill("SIGTERM");
      throw new Error(`${why}; see ${logPath}`);
    }
    await sleep(200);
    const text = await readFile(logPath, "utf8");
    write(text.slice(shown));
    shown = text.length;
  }
}

function ended({ exitCode, signalCode }: ChildProcess): string | undefined {
  if (signalCode !== null) return `ended by ${signalCode}`;
  return exitCode === null ? undefined : `ended with exit code ${exitCode}`;
}
