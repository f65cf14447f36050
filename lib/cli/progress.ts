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
 * @param out  standard error where standard output is for something else: plain lines
 */
export async function runSteps(
  steps: readonly Step[],
  out: Pick<NodeJS.WriteStream, "write"> = process.stdout,
): Promise<void> {
  const tasks = steps.map(({ title, run }) => ({
    title,
    task: async (_context: unknown, task: { title: string }) => {
      const end = await run((state) => {
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
      rendererOptions: { showErrorMessage: false },
    }).run();
    return;
  }
  // One line per finished step: intermediate states would fill a log.
  for (const { title, run } of steps) {
    const end = await run(() => undefined);
    out.write(`${end === undefined ? title : `${title}: ${end}`}\n`);
  }
}
