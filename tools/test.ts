/**
 * The gate behind `npm test`: every line in order, some beside the next, each to its end whatever came before, and one sum.
 *
 *   node tools/test.ts [--long] [LINE…]
 *
 * --long: full counts for properties and repetitions. LINE: only these (format, lint, types, unit, node, faults, soak,
 * apiserver, golden, sizes, world).
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureLintTools } from "./lint/tools.ts";
import { ensureEnvoy } from "./setup/envoy.ts";
import { ensureKubernetesBinary } from "./setup/kubernetes-binary.ts";
import { ensureMinistack } from "./setup/ministack.ts";
import { countTests, readReport, type Tally, total } from "./test-report.ts";

interface Line {
  readonly name: string;
  /** What it needs that a fresh machine has not. */
  readonly prepare?: () => Promise<unknown>;
  /** A command that passes or fails as a whole, or a vitest project whose tests are counted. */
  readonly run: { readonly command: readonly string[] } | { readonly project: string };
  readonly limitMinutes: number;
  /** It needs a cluster node, or network namespaces as one has, and so Linux and root. */
  readonly needsNode?: true;
  /** The line after it is begun at the same time: what in either goes by the clock has seconds to spare. */
  readonly besideNext?: true;
}

const root = join(import.meta.dirname, "..");
const results = join(root, "test-results");
const say = (line: string) => console.log(line);

const node = (...args: string[]) => ({ command: [process.execPath, ...args] });
const lines: readonly Line[] = [
  {
    name: "format",
    prepare: () => ensureLintTools(say),
    run: node("tools/lint/run.ts", "format:check"),
    limitMinutes: 2,
  },
  { name: "lint", prepare: () => ensureLintTools(say), run: node("tools/lint/run.ts", "lint"), limitMinutes: 5 },
  { name: "types", run: node("node_modules/typescript/bin/tsc"), limitMinutes: 5 },
  { name: "unit", run: { project: "unit" }, limitMinutes: 45, besideNext: true },
  {
    name: "node",
    prepare: prepareWorld,
    run: { project: "node" },
    limitMinutes: 45,
    needsNode: true,
    besideNext: true,
  },
  { name: "faults", prepare: prepareKubernetes, run: { project: "faults" }, limitMinutes: 45, besideNext: true },
  { name: "soak", prepare: prepareKubernetes, run: { project: "soak" }, limitMinutes: 30, besideNext: true },
  { name: "apiserver", prepare: prepareKubernetes, run: { project: "apiserver" }, limitMinutes: 45 },
  {
    name: "golden",
    prepare: () => ensureEnvoy(say),
    run: { project: "golden" },
    limitMinutes: 5,
    needsNode: true,
  },
  { name: "sizes", run: node("tools/bundle-sizes.ts"), limitMinutes: 2 },
  { name: "world", prepare: prepareWorld, run: { project: "world" }, limitMinutes: 60, needsNode: true },
];

/** Once, for whichever lines begin at the same time. */
let kubernetesPrepared: Promise<unknown> | undefined;
function prepareKubernetes(): Promise<unknown> {
  kubernetesPrepared ??= ensureKubernetesBinary(say);
  return kubernetesPrepared;
}
let worldPrepared: Promise<unknown> | undefined;
function prepareWorld(): Promise<unknown> {
  worldPrepared ??= Promise.all([prepareKubernetes(), ensureEnvoy(say), ensureMinistack(say)]);
  return worldPrepared;
}

/** Told to end: the line that runs is waited for, and no other is started. */
const interrupted = new AbortController();

/** Its exit code; null when it was ended for taking too long. */
async function execute(
  command: readonly string[],
  { env, limitMinutes, output }: { env: NodeJS.ProcessEnv; limitMinutes: number; output: "inherit" | number },
): Promise<number | null> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { cwd: root, stdio: ["inherit", output, output], env });
  const timer = setTimeout(() => {
    say(`not done after ${limitMinutes} min`);
    child.kill("SIGTERM");
    // Tests clean up on SIGTERM: worlds, mounts, namespaces.
    setTimeout(() => child.kill("SIGKILL"), 60_000).unref();
  }, limitMinutes * 60_000);
  const passOn = (name: NodeJS.Signals) => {
    interrupted.abort();
    child.kill(name);
  };
  process.on("SIGTERM", passOn);
  try {
    return await new Promise((resolve, reject) => child.on("exit", (code) => resolve(code)).on("error", reject));
  } finally {
    clearTimeout(timer);
    process.off("SIGTERM", passOn);
  }
}

/** @param output  the terminal, or a file's descriptor for a line that runs beside another */
async function runLine(line: Line, env: NodeJS.ProcessEnv, output: "inherit" | number): Promise<Tally> {
  const startedMs = performance.now();
  const tookMs = () => Math.round(performance.now() - startedMs);
  const withoutNode = env["OSM_NO_NODE"];
  if (line.needsNode && withoutNode)
    return { passed: 0, failed: 0, skipped: [`${line.name}: ${withoutNode}`], tookMs: 0 };
  try {
    await line.prepare?.();
    if (interrupted.signal.aborted) return { passed: 0, failed: 1, skipped: [], tookMs: tookMs() };
    if ("command" in line.run) {
      const code = await execute(line.run.command, { env, limitMinutes: line.limitMinutes, output });
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [], tookMs: tookMs() };
    }
    const report = join(results, `${line.name}.json`);
    writeFileSync(report, "");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const vitest = node("node_modules/vitest/vitest.mjs", "run", "--project", line.run.project, ...reporters).command;
    const code = await execute(vitest, { env, limitMinutes: line.limitMinutes, output });
    return countTests(readReport(report) || undefined, code, tookMs());
  } catch (error) {
    console.error(error);
    return { passed: 0, failed: 1, skipped: [], tookMs: tookMs() };
  }
}

function summary(tallies: ReadonlyMap<string, Tally>): string {
  const rows = [...tallies].map(([name, { passed, failed, skipped, tookMs }]) =>
    [name.padEnd(10), `${passed} passed`.padStart(12), `${failed} failed`.padStart(10)]
      .concat(
        skipped.length > 0 ? `${skipped.length} skipped`.padStart(11) : " ".repeat(11),
        `${(tookMs / 1000).toFixed(1)} s`.padStart(9),
      )
      .join(" "),
  );
  const skipped = [...tallies.values()].flatMap((tally) => tally.skipped);
  const failures = [...tallies.values()].flatMap((tally) => tally.failures ?? []);
  return [...rows, ...skipped.map((why) => `skipped: ${why}`), ...failures.map((one) => `failed: ${one}`)].join("\n");
}

async function main(words: readonly string[]): Promise<void> {
  const long = words.includes("--long");
  const wanted = words.filter((word) => !word.startsWith("--"));
  const unknown = wanted.filter((name) => !lines.some((line) => line.name === name));
  if (unknown.length > 0)
    throw new Error(`no such line: ${unknown.join(", ")}; there are ${lines.map(({ name }) => name).join(", ")}`);
  const seed = process.env["OSM_TEST_SEED"] ?? String(randomInt(2 ** 31));
  const env = { ...process.env, OSM_TEST_SEED: seed, ...(long ? { OSM_TEST_COUNTS: "full" } : {}) };
  mkdirSync(results, { recursive: true });
  say(`seed ${seed}, ${long ? "full" : "short"} counts`);
  const tallies = new Map<string, Tally>();
  // The terminal sends Ctrl-C to the tests as well: they clean up, and are waited for.
  process.on("SIGINT", () => interrupted.abort());
  const chosen = lines.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  let beside: { readonly line: Line; readonly log: string; readonly tally: Promise<Tally> }[] = [];
  for (const [index, line] of chosen.entries()) {
    if (interrupted.signal.aborted) break;
    const next = chosen[index + 1];
    if (line.besideNext && next && next === lines[lines.indexOf(line) + 1]) {
      const log = join(results, `${line.name}.log`);
      say(`\n== ${line.name}, beside ${next.name}: what it prints comes after that`);
      beside.push({ line, log, tally: runLine(line, env, openSync(log, "w")) });
      continue;
    }
    say(`\n== ${line.name}`);
    const tally = await runLine(line, env, "inherit");
    for (const other of beside) {
      tallies.set(other.line.name, await other.tally);
      say(`\n== ${other.line.name}\n${readFileSync(other.log, "utf8")}`);
    }
    beside = [];
    tallies.set(line.name, tally);
  }
  const { passed, failed } = total([...tallies.values()], Boolean(process.env["CI"]));
  const record = {
    seed,
    counts: long ? "full" : "short",
    at: new Date().toISOString(),
    lines: Object.fromEntries(tallies),
  };
  writeFileSync(join(results, "run.json"), `${JSON.stringify(record, null, 2)}\n`);
  say(`\n${summary(tallies)}\nseed ${seed}\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && !interrupted.signal.aborted ? 0 : 1;
}

await main(process.argv.slice(2));
