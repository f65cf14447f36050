import { spawn } from "node:child_process";
import { screenText } from "./screen.ts";

/** Of the terminal that the page shows. */
export const columns = 100;

export interface Shown {
  /** As it stands on the terminal in the end, both streams. */
  readonly text: string;
  readonly exitCode: number;
}

export interface TerminalOptions {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Default two minutes: a command that takes longer has failed. */
  readonly patienceMs?: number;
}

/** Runs a line of shell at a pseudo-terminal of its own, as somebody who sits before it sees it. */
export function atTerminal(
  line: string,
  { directory, environment, patienceMs = 120_000 }: TerminalOptions,
): Promise<Shown> {
  const inside = `stty cols ${columns} rows 50 -echo && { ${line}\n}`;
  // util-linux's: the terminal, and the line's own exit code.
  const child = spawn("script", ["--quiet", "--return", "--command", inside, "/dev/null"], {
    cwd: directory,
    env: { ...environment, TERM: "xterm", SHELL: "/bin/sh" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    let written = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      written += part;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    child.on("error", reject).on("close", (code) => {
      clearTimeout(timer);
      resolve({ text: screenText(written, columns), exitCode: code ?? 255 });
    });
  });
}
