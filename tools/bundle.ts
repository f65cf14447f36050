import { existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What is built, by its path under `dist`. Each is one file that needs no node_modules. */
const entries: Readonly<Record<string, string>> = {
  "functions/reconcile": "functions/reconcile.ts",
  "functions/check-drift": "functions/check-drift.ts",
  osm: "lib/cli/main.ts",
};

/** CommonJS dependencies call `require` for Node's own modules, which an ES module does not have. */
const requireBanner =
  'import { createRequire as createRequireOf } from "node:module"; const require = createRequireOf(import.meta.url);';

export interface Bundle {
  /** Under `dist`. */
  readonly file: string;
  readonly bytes: number;
}

/** @param alias  modules to replace, as esbuild's own option */
export async function bundle(outDir = `${root}dist`, alias: Readonly<Record<string, string>> = {}): Promise<Bundle[]> {
  const built = Object.entries(entries).filter(([, source]) => existsSync(root + source));
  await rm(outDir, { recursive: true, force: true });
  await build({ ...options, outdir: outDir, alias: { ...alias }, entryPoints: Object.fromEntries(built) });
  return built.map(([name]) => ({ file: `${name}.mjs`, bytes: statSync(`${outDir}/${name}.mjs`).size }));
}

const options: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  mainFields: ["module", "main"],
  conditions: ["module"],
  banner: { js: requireBanner },
  // Names stay: a stack trace in a log is read without the map.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  sourcemap: "external",
  logLevel: "warning",
};

if (import.meta.main) {
  for (const { file, bytes } of await bundle()) {
    console.log(`${file.padEnd(28)} ${(bytes / 1024).toFixed(0).padStart(6)} KiB`);
  }
}
