/**
 * For a command that has to end in order: the first SIGTERM or Ctrl-C aborts `stop`, a second one ends the process at once,
 * as ever.
 *
 * @param reason  what the command then fails with; absent where being told to end is no failure
 * @returns       what ends the listening
 */
export function stopOnSignal(stop: AbortController, reason?: Error): () => void {
  const names = ["SIGTERM", "SIGINT"] as const;
  const unlisten = () => {
    for (const name of names) process.off(name, onSignal);
  };
  const onSignal = () => {
    unlisten();
    stop.abort(reason);
  };
  for (const name of names) process.on(name, onSignal);
  return unlisten;
}
