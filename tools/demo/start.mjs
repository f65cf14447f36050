#!/usr/bin/env node
/**
 * Entry of `npm run demo` and `npm test` on a machine that has nothing yet: plain JavaScript without dependencies, for
 * Node.js 20 or later. It says what is missing, installs what it may, and hands over to Node.js 24 of node_modules.
 *
 *   start.mjs demo [--keep] [--yes] [--check]
 *   start.mjs test [--long] [--yes] [--check]
 *
 * --check only tells what is missing; --yes installs Debian packages without asking. Other options go on to the story or
 * the tests.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { homedir, totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { installPackages, missingPackages } from "../setup/apt.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = join(root, "node_modules");
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "osm-egress");
const gib = 2 ** 30;

/** @type {Record<string, { script: string, needsNode: boolean }>} */
const entries = {
  demo: { script: "tools/demo/demo.ts", needsNode: true },
  // Without a cluster node the tests that need none still run; the others are skipped, which fails when CI=true.
  test: { script: "tools/test.ts", needsNode: false },
};

/**
 * @typedef {object} Finding
 * @property {string} what    what is missing
 * @property {string} remedy  what to do about it
 */

/** What no installation by this program can put right. @returns {Finding[]} */
function missingFromMachine() {
  const findings = [];
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) {
    findings.push({ what: `Node.js 20 (this is ${process.versions.node})`, remedy: "install it: https://nodejs.org" });
  }
  if (spawnSync("npm", ["--version"]).status !== 0) {
    findings.push({ what: "npm", remedy: "install the npm that belongs to Node.js" });
  }
  return [...findings, ...missingSpace()];
}

/** Go's build cache is the large part, and only needed until the Kubernetes binary is built. @returns {Finding[]} */
function missingSpace() {
  const needed = existsSync(cache) ? 3 : 10;
  const home = existsSync(homedir()) ? homedir() : "/";
  return [root, home, "/tmp"].flatMap((path) => {
    const { bavail, bsize } = statfsSync(path);
    const free = (bavail * bsize) / gib;
    if (free >= needed) return [];
    return [{ what: `${needed} GiB of free disk at ${path} (${free.toFixed(1)} there)`, remedy: "make room" }];
  });
}

/** What a cluster node needs of the machine. @returns {Finding[]} */
function missingForNode() {
  if (process.platform !== "linux") {
    return [
      {
        what: `Linux (this is ${process.platform})`,
        remedy: "use a Linux machine or virtual machine, best Debian 12, with 2 cores, 6 GiB of memory and root",
      },
    ];
  }
  const findings = [];
  if (process.getuid?.() !== 0) {
    const command = `sudo env "PATH=$PATH" npm run ${process.env.npm_lifecycle_event ?? "demo"}`;
    findings.push({ what: "root: network namespaces, mounts and a container runtime need it", remedy: command });
  }
  if (totalmem() < 5.5 * gib) {
    findings.push({ what: `6 GiB of memory (${(totalmem() / gib).toFixed(1)} there)`, remedy: "use a larger machine" });
  }
  return findings;
}

/** @param {ReturnType<typeof missingPackages>} packages @param {boolean} withoutAsking */
async function installMissing(packages, withoutAsking) {
  const names = packages.map((each) => each.package);
  if (spawnSync("apt-get", ["--version"]).status !== 0) {
    stop([{ what: `what Debian has in ${names.join(" ")}`, remedy: "install it the way of your distribution" }]);
  }
  console.log("These Debian packages are missing:");
  for (const each of packages) console.log(`  ${each.package.padEnd(28)}${each.why}`);
  if (!withoutAsking) {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await terminal.question("Install them with apt-get now? [Y/n] ");
    terminal.close();
    if (!/^(y|yes|)$/i.test(answer.trim())) stop([aptFinding(packages)]);
  }
  try {
    await installPackages(names, (line) => console.log(`  ${line}`));
  } catch (error) {
    stop([{ what: names.join(" "), remedy: `${error.message}; install them yourself and start again` }]);
  }
}

/** @param {ReturnType<typeof missingPackages>} packages */
function aptFinding(packages) {
  const names = packages.map((each) => each.package).join(" ");
  return { what: `Debian packages ${names}`, remedy: `apt-get install ${names}` };
}

/**
 * The first time of all, building Kubernetes takes most of the set-up: its modules come in while apt and npm are at work.
 * Whether that goes well does not matter here: the build fetches what is missing, and says what it cannot get.
 */
function fetchModulesAhead() {
  const sources = join(root, "test/cluster/kubernetes");
  if (existsSync(cache) || !existsSync(sources)) return;
  const options = { cwd: sources, stdio: "ignore", env: { ...process.env, GOTOOLCHAIN: "local" } };
  spawn("go", ["mod", "download"], options)
    .on("error", () => undefined)
    .unref();
}

/** Is what the lock file wants what is installed? Packages for other platforms may be absent. */
function modulesAreCurrent() {
  try {
    const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
    const wanted = read(join(root, "package-lock.json"));
    const installed = read(join(modules, ".package-lock.json"));
    return Object.entries(wanted).every(([path, { version, integrity, optional, link }]) => {
      const there = installed[path];
      if (path === "" || link || (optional && !there)) return true;
      return there?.version === version && there.integrity === integrity && existsSync(join(root, path));
    });
  } catch {
    return false;
  }
}

function installModules() {
  if (modulesAreCurrent() && existsSync(join(modules, "node/bin/node"))) return;
  console.log("npm ci: installing what package-lock.json names");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) stop([{ what: `npm ci (exit code ${status})`, remedy: "see above; it needs the npm registry" }]);
  if (!existsSync(join(modules, "node/bin/node"))) {
    stop([
      {
        what: "Node.js 24 in node_modules",
        remedy: "allow install scripts (npm config get ignore-scripts), then npm ci",
      },
    ]);
  }
}

/** @param {Finding[]} findings */
function tell(findings) {
  for (const { what, remedy } of findings) console.error(`missing: ${what}\n      -> ${remedy}`);
}

/** @param {Finding[]} findings @returns {never} */
function stop(findings) {
  tell(findings);
  process.exit(1);
}

/** Replaces this process as far as one can: same terminal, same signals, same exit code. @param {string} script */
function handOver(script, args, env) {
  const child = spawn(join(modules, "node/bin/node"), [join(root, script), ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env, PATH: [join(modules, ".bin"), process.env.PATH].join(delimiter) },
  });
  // The terminal sends Ctrl-C to both; the child cleans up, and this process waits for it.
  process.on("SIGINT", () => undefined);
  for (const name of ["SIGTERM", "SIGHUP"]) process.on(name, () => child.kill(name));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

async function main([name, ...words]) {
  const entry = entries[name];
  if (!entry) stop([{ what: "what to start", remedy: `one of ${Object.keys(entries).join(", ")}` }]);
  const yes = words.includes("--yes") || Boolean(process.env.CI) || !process.stdin.isTTY;
  const forNode = missingForNode();
  const fatal = [...missingFromMachine(), ...(entry.needsNode ? forNode : [])];
  // Without root there is nothing to install with, and what runs then needs less.
  const packages = forNode.length > 0 ? [] : missingPackages();
  if (words.includes("--check")) {
    tell([...fatal, ...(entry.needsNode ? [] : forNode)]);
    if (packages.length > 0) tell([aptFinding(packages)]);
    if (!modulesAreCurrent()) tell([{ what: "node_modules as package-lock.json has it", remedy: "npm ci" }]);
    process.exit(fatal.length + packages.length > 0 ? 1 : 0);
  }
  if (fatal.length > 0) stop(fatal);
  if (forNode.length === 0) fetchModulesAhead();
  if (packages.length > 0) await installMissing(packages, yes);
  installModules();
  if (!existsSync(join(root, entry.script))) stop([{ what: entry.script, remedy: "it is not part of this checkout" }]);
  const withoutNode = forNode.map(({ what }) => what).join("; ");
  handOver(
    entry.script,
    words.filter((word) => word !== "--yes"),
    withoutNode === "" ? {} : { OSM_NO_NODE: withoutNode },
  );
}

await main(process.argv.slice(2));
