import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Default 60 s; then the command is killed. */
  readonly timeoutMs?: number;
  /** Every line of either stream as it comes, for a progress display. */
  readonly onLine?: (line: string) => void;
}

export class CommandError extends Error implements Output {
  override readonly name = "CommandError";
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: readonly string[], code: number | null, output: Output, why = "") {
    const last = (output.stderr.trim() || output.stdout.trim()).split("\n").slice(-12).join("\n");
    super(`${command.join(" ").slice(0, 300)}: ${why || `exit code ${code}`}${last ? `\n${last}` : ""}`);
    this.code = code;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

/** Runs a command to its end. @throws CommandError when it fails, with the last lines that it wrote. */
export function run(command: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const [file, ...args] = command;
  if (file === undefined) throw new Error("empty command");
  const { promise, resolve, reject } = Promise.withResolvers<Output>();
  const child = spawn(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  let why = "";
  const timer = setTimeout(() => {
    why = `not done after ${options.timeoutMs ?? 60_000} ms`;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 60_000);
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
    if (options.onLine) createInterface({ input: child[name] }).on("line", options.onLine);
  }
  // A command may end without reading its input; that is no error of ours.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  child.on("error", (cause) => {
    clearTimeout(timer);
    reject(new CommandError(command, null, output, cause.message));
  });
  child.on("close", (code) => {
    clearTimeout(timer);
    if (code === 0) resolve(output);
    else reject(new CommandError(command, code, output, why));
  });
  return promise;
}
