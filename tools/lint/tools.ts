import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../setup/command.ts";

const here = import.meta.dirname;
const stamp = join(here, "node_modules", ".osm-manifest");

/**
 * Installs the format and lint tools beside their own manifest, once for each version of it. They are apart from the root
 * manifest because their binaries for other platforms would be missing from its lock file.
 */
export async function ensureLintTools(progress: (line: string) => void = () => undefined): Promise<void> {
  const wanted = createHash("sha256")
    .update(readFileSync(join(here, "package.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  progress("installing the format and lint tools");
  await run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", here], {
    timeoutMs: 10 * 60_000,
  });
  writeFileSync(stamp, wanted);
}

/** Path of one of the tools. */
export function lintTool(name: "biome" | "oxlint" | "knip"): string {
  return join(here, "node_modules", ".bin", name);
}

/** For oxlint, which looks for its type-aware half from the root and would not find it. */
export const lintEnvironment = { OXLINT_TSGOLINT_PATH: join(here, "node_modules", ".bin", "tsgolint") };
