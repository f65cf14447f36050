import { existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What is built, by its path under `dist`. Nothing of it needs node_modules. */
const entries: Readonly<Record<string, string>> = {
  "functions/reconcile": "functions/reconcile.ts",
  "functions/check-drift": "functions/check-drift.ts",
  "functions/gitops-webhook": "functions/gitops-webhook.ts",
  "functions/forward-audit-log": "functions/forward-audit-log.ts",
  osm: "lib/cli/main.ts",
};

/** CommonJS dependencies call `require` for Node's own modules, which an ES module does not have. */
const requireBanner =
  'import { createRequire as createRequireOf } from "node:module"; const require = createRequireOf(import.meta.url);';

export interface Bundle {
  /** Under `dist`. */
  readonly file: string;
  readonly bytes: number;
  /** Names of the packages that some of it comes from. */
  readonly packages: readonly string[];
}

/**
 * Sizes are of what is read at the start. A function's other half, clients and credential sources that most passes never
 * need, lies in a directory beside it: parsing it would cost every cold start. Not a directory of the handler's own name:
 * Lambda's loader tries the handler's path without an extension first, and would load the directory.
 */
export async function bundle(
  names: readonly string[] = Object.keys(entries),
  outdir = `${root}dist`,
): Promise<Bundle[]> {
  const entryPoints = Object.fromEntries(
    Object.entries(entries).filter(([name, source]) => names.includes(name) && existsSync(root + source)),
  );
  const bundles: Bundle[] = [];
  for (const [name, source] of Object.entries(entryPoints)) {
    const lean: BuildOptions = { plugins: [leanUndici], splitting: true, chunkNames: `${name}-parts/[name]-[hash]` };
    await rm(`${outdir}/${name}-parts`, { recursive: true, force: true });
    const parts = isFunction(name) ? lean : {};
    const { metafile } = await build({ ...options, ...parts, metafile: true, outdir, entryPoints: { [name]: source } });
    const file = `${name}.mjs`;
    bundles.push({
      file,
      bytes: statSync(`${outdir}/${file}`).size,
      packages: packagesOf(Object.keys(metafile.inputs)),
    });
  }
  return bundles;
}

function packagesOf(inputs: readonly string[]): readonly string[] {
  const names = inputs.flatMap(
    (input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(input)?.[1] ?? [],
  );
  return [...new Set(names)].sort();
}

function isFunction(name: string): boolean {
  return name.startsWith("functions/");
}

/** What `serverless deploy` wants to find. */
export function bundleFunctions(outdir?: string): Promise<Bundle[]> {
  return bundle(Object.keys(entries).filter(isFunction), outdir);
}

/** Not an alias: that would catch undici's own files too. */
const leanUndici: Plugin = {
  name: "lean-undici",
  setup({ onResolve }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: `${root}tools/undici-request.mjs` }));
  },
};

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
