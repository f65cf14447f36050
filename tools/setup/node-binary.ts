import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Architecture, ownSource } from "./architecture.ts";
import { cached, digestOf, type Progress } from "./cache.ts";
import { run } from "./command.ts";

const require = createRequire(import.meta.url);

/** Path of a Node.js binary of the version that this runs on; another architecture's comes from npm. */
export async function ensureNode(architecture: Architecture, progress: Progress = () => undefined): Promise<string> {
  if (architecture === ownSource().architecture) return join(dirname(require.resolve("node/package.json")), "bin/node");
  const { version } = require("node/package.json") as { readonly version: string };
  const name = `node-linux-${architecture === "amd64" ? "x64" : architecture}`;
  const directory = await cached(
    "node",
    digestOf(version, architecture),
    async (draft) => {
      progress(`downloading Node.js ${version} for ${architecture}`);
      await run(["npm", "pack", "--silent", `${name}@${version}`], { cwd: draft, timeoutMs: 10 * 60_000 });
      const archive = (await readdir(draft)).find((file) => file.endsWith(".tgz"));
      if (archive === undefined) throw new Error(`npm pack ${name}: no archive`);
      await run(["tar", "--extract", "--file", archive, "--strip-components=1"], { cwd: draft });
    },
    progress,
  );
  return join(directory, "bin/node");
}
