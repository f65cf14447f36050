import { execFile } from "node:child_process";
import { join } from "node:path";

/** What a person sees of one `osm` command. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type OsmCommand = (...args: readonly string[]) => Promise<CommandResult>;

const bundled = join(import.meta.dirname, "../../dist/osm.mjs");

/**
 * The bundled `osm`, as users have it, on one cluster. Never throws for an exit code: that is part of the result.
 *
 * @param environment  AWS credentials, for the commands that need some
 */
export function osmCommand(kubeconfigPath: string, environment: Readonly<Record<string, string>> = {}): OsmCommand {
  return (...args) =>
    new Promise((resolve) => {
      execFile(
        process.execPath,
        [bundled, ...args],
        {
          env: { PATH: process.env["PATH"] ?? "", KUBECONFIG: kubeconfigPath, ...environment },
          timeout: 120_000,
          maxBuffer: 2 ** 26,
        },
        (error, stdout, stderr) => {
          const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
          resolve({ exitCode, stdout, stderr });
        },
      );
    });
}
