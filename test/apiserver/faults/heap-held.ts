import type { ChildProcess } from "node:child_process";
import { on } from "node:events";
import { join } from "node:path";

/** What a process is asked by `heapHeld`, and what it answers. */
export interface Asked {
  readonly kind: "gauge";
}
export interface Gauged {
  readonly kind: "gauged";
  readonly heapMiB: number;
}

/** Node's words for a process that `heapHeld` can ask. */
export const gaugedWords: readonly string[] = ["--expose-gc", "--import", join(import.meta.dirname, "gauged.ts")];

const answeredWithinMs = 30_000;

/** MiB that something refers to, in V8's heap and in buffers. */
export async function heapHeld(child: ChildProcess): Promise<number> {
  const said = on(child, "message", { signal: AbortSignal.timeout(answeredWithinMs) });
  child.send({ kind: "gauge" } satisfies Asked);
  for await (const [message] of said) {
    const { kind, heapMiB } = message as Gauged;
    if (kind === "gauged") return heapMiB;
  }
  throw new Error("the process has ended");
}
