const running = new Set<() => Promise<void>>();

/**
 * Stops every world of this process in order on Ctrl-C and SIGTERM, then ends the process as the signal asks.
 *
 * @returns a function that forgets this one
 */
export function stopOnSignals(stop: () => Promise<void>): () => void {
  if (running.size === 0) for (const signal of Object.keys(exitCodes)) process.on(signal, stopAll);
  running.add(stop);
  return () => {
    running.delete(stop);
    if (running.size === 0) for (const signal of Object.keys(exitCodes)) process.off(signal, stopAll);
  };
}

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

function stopAll(signal: NodeJS.Signals): void {
  const code = signal in exitCodes ? exitCodes[signal as keyof typeof exitCodes] : 1;
  void Promise.allSettled([...running].map((stop) => stop())).finally(() => process.exit(code));
}
