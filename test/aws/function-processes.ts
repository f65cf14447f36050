import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * SIGKILL for every process in which the emulator keeps a function: its Node children, warm or in a pass.
 *
 * @returns how many there were
 */
export async function killFunctions(emulatorPid: number): Promise<number> {
  let killed = 0;
  for (const pid of await childrenOf(emulatorPid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!command.startsWith("node\0")) continue;
    process.kill(pid, "SIGKILL");
    killed++;
  }
  return killed;
}

/**
 * The process in which the emulator runs the function that speaks from a port of the emulator's network.
 *
 * @throws when there is none
 */
export async function functionAt(emulatorPid: number, port: number): Promise<number> {
  const sockets = await readFile(`/proc/${emulatorPid}/net/tcp`, "utf8");
  const inode = sockets
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, local = ""]) => Number.parseInt(local.split(":")[1] ?? "", 16) === port)?.[9];
  for (const pid of await childrenOf(emulatorPid)) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => "")));
    if (links.includes(`socket:[${inode}]`)) return pid;
  }
  throw new Error(`no function of the emulator's speaks from port ${port}`);
}

/** Any thread of a process may have children. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) => list.split(" ").map(Number)).filter((child) => child > 0);
}
