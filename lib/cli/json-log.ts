/** One JSON object per line, for whatever collects a pod's log. */
export interface JsonLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Of a command whose own words tell how it goes, on standard output: trouble alone, on standard error. */
export function troubleLog(): JsonLog {
  return { ...jsonLog((line) => process.stderr.write(line)), info: () => undefined };
}

/** The same log, with these fields in every line. */
export function withFields(log: JsonLog, fields: Record<string, unknown>): JsonLog {
  const at =
    (level: keyof JsonLog) =>
    (message: string, more: Record<string, unknown> = {}) =>
      log[level](message, { ...fields, ...more });
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** @param write  to standard output, where that is for nothing else; else it is given */
export function jsonLog(write: (line: string) => void = (line) => process.stdout.write(line)): JsonLog {
  const at =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
