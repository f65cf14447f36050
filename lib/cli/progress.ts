import { Listr } from "listr2";

/** One line of a command's progress. */
export interface Step {
  readonly title: string;
  /**
   * @param say  replaces what stands behind the title while it runs
   * @returns    what stands there in the end
   */
  run(say: (state: string) => void): Promise<string | undefined>;
}

/**
 * Runs the steps one after the other, and ends at the first that throws. A spinner at a terminal, else plain lines.
 *
 * @param out     standard error where standard output is for something else: plain lines
 * @param signal  once it is aborted no step begins any more, and one that says how far it is fails with its reason; absent,
 *                Ctrl-C ends the process
 */
export async function runSteps(
  steps: readonly Step[],
  out: Pick<NodeJS.WriteStream, "write"> = process.stdout,
  signal?: AbortSignal,
): Promise<void> {
  const runStep = ({ run }: Step, say: (state: string) => void) => {
    signal?.throwIfAborted();
    return run((state) => {
      signal?.throwIfAborted();
      say(state);
    });
  };
  const tasks = steps.map((step) => ({
    title: step.title,
    task: async (_context: unknown, task: { title: string }) => {
      const { title } = step;
      const end = await runStep(step, (state) => {
        task.title = `${title}: ${state}`;
      });
      task.title = end === undefined ? title : `${title}: ${end}`;
    },
  }));
  // A terminal without a width breaks a spinner's line after every character.
  if (out === process.stdout && process.stdout.isTTY && process.stdout.columns > 0) {
    await new Listr(tasks, {
      concurrent: false,
      exitOnError: true,
      registerSignalListeners: signal === undefined,
      rendererOptions: { showErrorMessage: false },
    }).run();
    return;
  }
  // One line per finished step: intermediate states would fill a log.
  for (const step of steps) {
    const { title } = step;
    const end = await runStep(step, () => undefined);
    out.write(`${end === undefined ? title : `${title}: ${end}`}\n`);
  }
}
