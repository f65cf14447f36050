import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Where the emulator runs. A test world is one; `loopbackPlace` is the other. */
export interface Place {
  /** That the emulator listens on; reachable from this process, and from whatever calls the functions' cluster. */
  readonly address: string;
  readonly directory: string;
  spawn(name: string, command: readonly string[], options?: { readonly cwd?: string }): Promise<Running>;
}

export interface Running {
  readonly pid: number;
  readonly logPath: string;
  readonly exited: boolean;
  stop(graceMs?: number): Promise<void>;
}

/** This machine's loopback and a temporary directory, for tests that need no cluster. */
export async function loopbackPlace(): Promise<Place & { remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "osm-egress-aws-"));
  return {
    address: "127.0.0.1",
    directory,
    spawn: async (name, command, { cwd = directory } = {}) => {
      const logPath = join(directory, `${name}.log`);
      const log = openSync(logPath, "a");
      const [file = "", ...args] = command;
      const child = spawn(file, args, { cwd, stdio: ["ignore", log, log] });
      closeSync(log);
      await once(child, "spawn");
      const ended = once(child, "exit");
      const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
      return {
        pid: child.pid ?? 0,
        logPath,
        get exited() {
          return hasExited();
        },
        async stop(graceMs = 5_000) {
          if (hasExited()) return;
          child.kill("SIGTERM");
          await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
          if (hasExited()) return;
          child.kill("SIGKILL");
          await ended;
        },
      };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

export async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error(`${address}: no port`);
  return bound.port;
}
