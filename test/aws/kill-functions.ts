import { readdir, readFile } from "node:fs/promises";

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

/** Any thread of a process may have children. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) => list.split(" ").map(Number)).filter((child) => child > 0);
}
