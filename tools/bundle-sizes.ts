/**
 * The size of every bundle against the table beside this file. A bundle that grew by more than a twentieth fails: start
 * times follow size, and a dependency that slips in is seen here first.
 *
 *   node tools/bundle-sizes.ts [--write]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle.ts";

const table = join(import.meta.dirname, "bundle-sizes.json");
const allowedGrowth = 1.05;
const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;

/** @returns one line for every bundle that is too large, new, or gone */
export function compareSizes(known: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): string[] {
  const names = [...new Set([...Object.keys(known), ...Object.keys(now)])].sort();
  return names.flatMap((name) => {
    const before = known[name];
    const after = now[name];
    if (before === undefined) return [`${name}: not in the table`];
    if (after === undefined) return [`${name}: in the table, but not built`];
    return after > before * allowedGrowth ? [`${name}: ${kib(after)}, was ${kib(before)}`] : [];
  });
}

if (import.meta.main) {
  const now = Object.fromEntries((await bundle()).map(({ file, bytes }) => [file, bytes]));
  for (const [file, bytes] of Object.entries(now)) console.log(`${file.padEnd(28)} ${kib(bytes).padStart(10)}`);
  if (process.argv.includes("--write")) {
    writeFileSync(table, `${JSON.stringify(now, null, 2)}\n`);
  } else {
    const faults = compareSizes(JSON.parse(readFileSync(table, "utf8")), now);
    for (const fault of faults) console.error(`${fault} (npm run bundle:sizes -- --write, if it is meant)`);
    if (faults.length > 0) process.exitCode = 1;
  }
}
