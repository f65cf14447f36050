import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** One line of a process's log, as its logger writes it. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly correlationId?: string;
  readonly [field: string]: unknown;
}

/** A process under test: frozen and killed as the kernel does it. */
export interface Child {
  readonly process: ChildProcess;
  readonly log: readonly LogLine[];
  /** Standard error, and what of standard output is no log. */
  readonly said: readonly string[];
  freeze(): void;
  wake(): void;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Node with these arguments; it dies with us, however we die. */
export function startChild(args: readonly string[], env: NodeJS.ProcessEnv): Child {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", process.execPath, ...args], {
    env: { PATH: process.env["PATH"], NODE_EXTRA_CA_CERTS: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const log: LogLine[] = [];
  const said: string[] = [];
  const exited = once(child, "exit");
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on("line", (line) => take(line));
  }
  function take(line: string): void {
    const parsed = lineOf(line);
    if (parsed) log.push(parsed);
    else said.push(line);
  }
  return {
    process: child,
    log,
    said,
    freeze: () => void child.kill("SIGSTOP"),
    wake: () => void child.kill("SIGCONT"),
    async kill() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

function lineOf(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  const parsed = JSON.parse(line) as Partial<LogLine>;
  return parsed.message === undefined || parsed.level === undefined ? undefined : (parsed as LogLine);
}
