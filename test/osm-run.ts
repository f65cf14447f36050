import { vi } from "vitest";
import { run } from "#lib/cli/main.ts";

/** What a person sees of one command. */
export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The whole command, as the shell calls it, in this process. */
export async function osmRun(...args: readonly string[]): Promise<Said> {
  const said = { stdout: "", stderr: "" };
  const to = (name: keyof typeof said, end: string) => (text: unknown) => {
    said[name] += `${String(text)}${end}`;
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(to("stdout", "")),
    vi.spyOn(process.stderr, "write").mockImplementation(to("stderr", "")),
    vi.spyOn(console, "log").mockImplementation(to("stdout", "\n")),
    vi.spyOn(console, "error").mockImplementation(to("stderr", "\n")),
  ];
  try {
    await run(args);
    return { ...said, exitCode: Number(process.exitCode ?? 0) };
  } finally {
    process.exitCode = undefined;
    for (const spy of spies) spy.mockRestore();
  }
}

/** Its last failure on standard error: what is wrong, and what to do. */
export function failureOf({ stderr }: Said): { readonly what: string; readonly remedy: string } {
  const [, what = "", remedy = ""] = /^osm: (.*)\n {2}→ ([\s\S]*)\n$/m.exec(stderr) ?? [];
  return { what, remedy };
}
