/** Tells on standard error what is being done: one line that changes on a terminal, a line each elsewhere. */
export interface Progress {
  /** @param text  of what begins now */
  step(text: string): void;
  end(): void;
}

export function startProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const started = Date.now();
  const since = () => `${((Date.now() - started) / 1000).toFixed(0).padStart(4)} s`;
  let last = "";
  const draw = () => stream.write(`\r\u001b[2K${since()}  ${last}`.slice(0, (stream.columns ?? 80) + 5));
  const timer = stream.isTTY ? setInterval(draw, 1_000) : undefined;
  timer?.unref();
  return {
    step(text) {
      if (text === last) return;
      last = text;
      if (stream.isTTY) draw();
      else stream.write(`${since()}  ${text}\n`);
    },
    end() {
      clearInterval(timer);
      if (stream.isTTY) stream.write("\r\u001b[2K");
    },
  };
}
