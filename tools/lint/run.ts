/** `format`, `format:check` and `lint` of package.json. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureLintTools, lintEnvironment, lintTool } from "./tools.ts";

const commands = {
  format: [["biome", "check", "--write", "--linter-enabled=false"]],
  "format:check": [["biome", "check", "--linter-enabled=false"]],
  lint: [
    ["biome", "lint", "--error-on-warnings"],
    ["oxlint", "--type-aware", "--deny-warnings"],
    ["knip", "--no-progress"],
  ],
} as const;

const [name = "", ...more] = process.argv.slice(2);
if (!(name in commands)) throw new Error(`${name}: none of ${Object.keys(commands).join(", ")}`);
await ensureLintTools((line) => console.error(line));
const codes = commands[name as keyof typeof commands].map(([tool, ...args]) => {
  const { status } = spawnSync(lintTool(tool), [...args, ...more], {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, ...lintEnvironment },
    stdio: "inherit",
  });
  if (status !== 0) console.error(`${tool}: failed`);
  return status;
});
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
