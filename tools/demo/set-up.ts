import { Listr, PRESET_TIMER } from "listr2";
import { type MeshWorld, startMeshWorld } from "#test/world/mesh-world.ts";
import type { Progress } from "../setup/cache.ts";
import { steps } from "../setup/everything.ts";

interface Task {
  readonly title: string;
  run(progress: Progress): Promise<unknown>;
}

/** Everything that the story needs before its first command, with progress. A first run builds for minutes, once. */
export async function setUp(): Promise<MeshWorld> {
  await runTasks(
    steps.map(({ title, ensure }) => ({ title, run: ensure })),
    true,
  );
  let mesh: MeshWorld | undefined;
  await runTasks([
    {
      title: "One Kubernetes node, an AWS emulator with the stack deployed, and an outside",
      run: async (progress) => {
        mesh = await startMeshWorld({ log: progress });
      },
    },
  ]);
  if (!mesh) throw new Error("no world");
  return mesh;
}

async function runTasks(tasks: readonly Task[], concurrent = false): Promise<void> {
  if (!process.stdout.isTTY) {
    for (const task of tasks) await runPlainly(task);
    return;
  }
  const listed = tasks.map(({ title, run }) => ({
    title,
    task: (_: unknown, task: { output: string }) =>
      run((line) => {
        task.output = line;
      }),
  }));
  // Ctrl-C is the world's: it has something to clean up first.
  await new Listr(listed, {
    concurrent,
    registerSignalListeners: false,
    rendererOptions: { collapseErrors: false, timer: PRESET_TIMER },
  }).run();
}

const quietMs = 15_000;

/** For a log: the task's end, and a sign of life now and then. */
async function runPlainly({ title, run }: Task): Promise<void> {
  const startedMs = Date.now();
  let saidMs = startedMs;
  let over = false;
  await run((line) => {
    // A world goes on telling what becomes of it.
    if (over || Date.now() - saidMs < quietMs) return;
    saidMs = Date.now();
    console.log(`  … ${line}`);
  });
  over = true;
  console.log(`✔ ${title} [${((Date.now() - startedMs) / 1000).toFixed(1)} s]`);
}
