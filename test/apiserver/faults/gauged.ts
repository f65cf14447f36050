/**
 * Preloaded (`--import`, with `--expose-gc`) into a process whose memory is to be gauged: asked by message, it says what it
 * holds once everything that nobody refers to is gone. What is resident says little: V8 gives pages back when it likes.
 */
import type { Asked, Gauged } from "./heap-held.ts";

const mebi = 1024 * 1024;

process.on("message", (asked: Asked) => {
  if (asked.kind !== "gauge") return;
  // Twice: what the first one finalizes, the second one takes.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ kind: "gauged", heapMiB: (heapUsed + external) / mebi } satisfies Gauged);
});
