import { join } from "node:path";
import { cached, digestOf, type Progress } from "./cache.ts";
import { run } from "./command.ts";

export const ministackVersion = "1.5.33";

/** Path of the Python interpreter of a virtual environment that holds the AWS emulator. */
export async function ensureMinistack(progress: Progress = () => undefined): Promise<string> {
  const directory = await cached(
    "ministack",
    digestOf(ministackVersion),
    async (draft) => {
      progress(`installing ministack ${ministackVersion}`);
      await run(["python3", "-m", "venv", draft], { timeoutMs: 120_000 });
      await run([join(draft, "bin/python"), "-m", "pip", "install", "--quiet", `ministack==${ministackVersion}`], {
        timeoutMs: 10 * 60_000,
        onLine: progress,
      });
    },
    progress,
  );
  return join(directory, "bin/python");
}
