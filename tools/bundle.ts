import { existsSync, statSync } from "node:fs";
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

/** Writes in place: two runs of one checkout build the same bytes. */
export async function bundle(names: readonly string[] = Object.keys(entries)): Promise<Bundle[]> {
  const entryPoints = Object.fromEntries(
    Object.entries(entries).filter(([name, source]) => names.includes(name) && existsSync(root + source)),
  );
  await build({ ...options, entryPoints });
  return Object.keys(entryPoints).map((name) => ({
    file: `${name}.mjs`,
    bytes: statSync(`${root}dist/${name}.mjs`).size,
  }));
}

/** What `serverless deploy` wants to find. */
export function bundleFunctions(): Promise<Bundle[]> {
  return bundle(Object.keys(entries).filter((name) => name.startsWith("functions/")));
}

const options: BuildOptions = {
  absWorkingDir: root,
  outdir: "dist",
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
