import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type CommandOptions, type Output, run } from "../../tools/setup/command.ts";

/** Network, mount and process namespaces of one run, for commands that are to run inside. */
export interface Namespaces {
  /** Process id, as this machine sees it, of the run's first process. */
  readonly initPid: number;
  run(command: readonly string[], options?: CommandOptions): Promise<Output>;
  spawn(command: readonly string[], options: SpawnOptions): Promise<Spawned>;
}

/**
 * Namespaces that this process made. They hang on their first process, whose input is a pipe from this one: when this
 * process ends, however it ends, the kernel ends every process of the run and takes its mounts and links away.
 */
export interface OwnNamespaces extends Namespaces {
  /** Ends every process inside. */
  end(): Promise<void>;
}

export interface SpawnOptions {
  readonly name: string;
  /** Gets both streams of the command. */
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a network namespace of its own instead of the run's. */
  readonly ownNetwork?: boolean;
}

/** A long-running command inside. */
export interface Spawned {
  readonly name: string;
  readonly logPath: string;
  /** As this machine sees it. */
  readonly pid: number;
  readonly exited: boolean;
  /** SIGSTOP, and SIGCONT after it, reach nsenter too, which stops along with its command. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when it has not ended after `graceMs` (default 5 s). */
  stop(graceMs?: number): Promise<void>;
}

/**
 * What the first process does before it waits for the end of its input. Mounts are shared among the run's own mount
 * namespaces, as on a node, and never with this machine's; /run holds sockets and locks with fixed names. Orphans come
 * to the first process, and the kernel reaps them where SIGCHLD is ignored.
 */
const prepare = `
set -e
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns
mount --make-rshared /run
ip link set lo up
echo ready
exec env --ignore-signal=CHLD cat
`;

export async function openNamespaces(): Promise<OwnNamespaces> {
  const holder = spawn(
    "unshare",
    ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-c", prepare],
    // In a process group of its own, or Ctrl-C would end it before its run could stop in order.
    { stdio: ["pipe", "pipe", "pipe"], detached: true },
  );
  let faults = "";
  holder.stderr.setEncoding("utf8").on("data", (text: string) => {
    faults += text;
  });
  const [first] = (await Promise.race([once(holder.stdout, "data"), once(holder, "close")])) as [Buffer | number];
  if (String(first).trim() !== "ready") throw new Error(`namespaces: ${faults.trim() || `exit code ${first}`}`);
  const initPid = await onlyChild(holder);
  const ended = once(holder, "close");
  // What keeps this process alive is its own work, not the run.
  holder.unref();
  for (const stream of [holder.stdin, holder.stdout, holder.stderr]) (stream as Socket).unref();

  return {
    ...enterNamespaces(initPid),
    async end() {
      holder.ref();
      holder.stdin.end();
      await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
      if (holder.exitCode === null && holder.signalCode === null) {
        process.kill(initPid, "SIGKILL");
        await ended;
      }
    },
  };
}

/** The namespaces of a run whose first process is known; they end when their owner ends them. */
export function enterNamespaces(initPid: number): Namespaces {
  const enter = ["nsenter", `--target=${initPid}`, "--net", "--mount", "--pid", "--"];
  return {
    initPid,
    run: (command, options = {}) => {
      const { cwd, ...rest } = options;
      return run([...enter, ...(cwd === undefined ? [] : ["env", `--chdir=${cwd}`]), ...command], rest);
    },
    spawn: (command, options) => spawnInside(enter, command, options),
  };
}

async function spawnInside(
  enter: readonly string[],
  command: readonly string[],
  options: SpawnOptions,
): Promise<Spawned> {
  const log = openSync(options.logPath, "a");
  const [file = "", ...args] = [
    ...enter,
    ...(options.ownNetwork ? ["unshare", "--net", "--"] : []),
    ...(options.cwd === undefined ? [] : ["env", `--chdir=${options.cwd}`]),
    ...command,
  ];
  const child = spawn(file, args, {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, ...options.env },
  });
  child.unref();
  const ended = once(child, "exit");
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
  // nsenter stays, as the parent of the command: a process can only be born into a process namespace.
  const pid = await onlyChild(child).catch(async (cause: unknown) => {
    const last = (await readFile(options.logPath, "utf8")).trim().split("\n").slice(-10).join("\n");
    throw new Error(`${options.name} did not start: ${last}`, { cause });
  });
  return {
    name: options.name,
    logPath: options.logPath,
    pid,
    get exited() {
      return hasExited();
    },
    signal(name) {
      kill(pid, name);
      if (name === "SIGCONT" && child.pid !== undefined) kill(child.pid, name);
    },
    async stop(graceMs = 5_000) {
      if (hasExited()) return;
      child.ref();
      kill(pid, "SIGTERM");
      await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
      if (hasExited()) return;
      kill(pid, "SIGKILL");
      await ended;
    },
  };
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
  }
}

const forkedWithinMs = 30_000;

/** The child that `unshare --fork` and `nsenter --pid` make for the command that they were given. */
async function onlyChild(parent: ChildProcess): Promise<number> {
  const endMs = performance.now() + forkedWithinMs;
  while (performance.now() < endMs) {
    if (parent.exitCode !== null) throw new Error(`exit code ${parent.exitCode}`);
    if (parent.pid !== undefined) {
      const text = await readFile(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").catch(() => "");
      const pid = Number(text.trim().split(" ")[0]);
      if (pid > 0) return pid;
    }
    await sleep(10);
  }
  throw new Error(`no child after ${forkedWithinMs} ms`);
}
