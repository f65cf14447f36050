import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
let tree: string;

/** A checkout of nothing but the starter, with `apt-get` and `npm` that only say what they were asked. */
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "osm-start-"));
  for (const path of ["tools/demo/start.mjs", "tools/setup/apt.mjs", "tools/setup/parts.json"]) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(join(root, path), join(tree, path));
  }
  mkdirSync(join(tree, "bin"));
  program("bin/npm", 'echo "npm $*"');
  program("bin/apt-get", 'echo "apt-get $*"');
  wantModules("1.0.0");
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

function program(path: string, script: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function wantPackages(...names: string[]): void {
  const apt = names.map((name) => ({ package: name, check: "false", why: "the test says so" }));
  writeFileSync(join(tree, "tools/setup/parts.json"), JSON.stringify({ apt, cached: [] }));
}

function wantModules(version: string): void {
  const packages = { "": {}, "node_modules/node": { version }, "node_modules/elsewhere": { version, optional: true } };
  writeFileSync(join(tree, "package-lock.json"), JSON.stringify({ packages }));
}

function haveModules(version: string): void {
  program("node_modules/node/bin/node", 'echo "started $* OSM_NO_NODE=$OSM_NO_NODE"; exit 7');
  const packages = { "node_modules/node": { version } };
  writeFileSync(join(tree, "node_modules/.package-lock.json"), JSON.stringify({ packages }));
}

function haveScripts(): void {
  for (const path of ["tools/demo/demo.ts", "tools/test.ts"]) writeFileSync(join(tree, path), "");
}

function start(words: readonly string[], user: "root" | "nobody" = "root", home = process.env["HOME"] ?? "/") {
  const asUser = user === "root" ? ["--map-root-user"] : ["--map-user=65534"];
  const { PATH = "" } = process.env;
  const { stdout, stderr, status } = spawnSync(
    "unshare",
    ["--user", ...asUser, process.execPath, join(tree, "tools/demo/start.mjs"), ...words],
    { encoding: "utf8", env: { PATH: `${join(tree, "bin")}:${PATH}`, HOME: home }, stdio: ["ignore", "pipe", "pipe"] },
  );
  return { stdout, stderr, status };
}

test("what is there is handed over to, with its options and its exit code", () => {
  wantPackages();
  haveModules("1.0.0");
  haveScripts();
  const { stdout, status } = start(["demo", "--yes", "--keep"]);
  expect(stdout).toBe(`started ${join(tree, "tools/demo/demo.ts")} --keep OSM_NO_NODE=\n`);
  expect(status).toBe(7);
});

test("missing packages are named and installed where nobody can be asked", () => {
  wantPackages("runc", "conntrack");
  haveModules("1.0.0");
  haveScripts();
  const { stdout } = start(["demo"]);
  expect(stdout).toContain("These Debian packages are missing:\n  runc");
  expect(stdout).toContain("apt-get install --yes --quiet --no-install-recommends runc conntrack");
  expect(stdout).toContain("started");
});

test("an installation that fails ends it", () => {
  wantPackages("runc");
  haveModules("1.0.0");
  haveScripts();
  program("bin/apt-get", '[ "$1" != install ]');
  const { stdout, stderr, status } = start(["demo"]);
  expect(stderr).toContain("missing: runc\n");
  expect(stdout).not.toContain("started");
  expect(status).toBe(1);
});

test.each([
  ["absent", undefined],
  ["stale", "0.9.0"],
])("%s modules are installed", (_what, version) => {
  wantPackages();
  haveScripts();
  if (version !== undefined) haveModules(version);
  expect(start(["demo"]).stdout).toContain("npm ci");
});

test("without root the story says what is missing, what to do, and touches nothing", () => {
  wantPackages("runc");
  const { stdout, stderr, status } = start(["demo"], "nobody");
  expect(stderr).toMatch(/^missing: root: .*\n {6}-> sudo env "PATH=\$PATH" npm run demo\n$/);
  expect(stdout).toBe("");
  expect(status).toBe(1);
});

test("without root the tests run, and are told which cannot", () => {
  wantPackages("runc");
  haveModules("1.0.0");
  haveScripts();
  const { stdout, status } = start(["test"], "nobody");
  expect(stdout).toMatch(/^started .*tools\/test\.ts OSM_NO_NODE=root: /);
  expect(status).toBe(7);
});

test("--check installs nothing and tells everything", () => {
  wantPackages("runc");
  const { stdout, stderr, status } = start(["demo", "--check"]);
  expect(stdout).toBe("");
  expect(stderr).toContain("apt-get install runc");
  expect(stderr).toContain("npm ci");
  expect(status).toBe(1);
});

test("an entry that is not there is refused", () => {
  expect(start(["dmeo"]).stderr).toContain("one of demo, test");
  expect(start([]).status).toBe(1);
});

test("every part that a run needs is listed with a reason", () => {
  const { apt } = JSON.parse(readFileSync(join(root, "tools/setup/parts.json"), "utf8")) as {
    apt: { package: string; check: string; why: string }[];
  };
  expect(apt.filter(({ check, why }) => check === "" || why === "")).toEqual([]);
  expect(apt.map((each) => each.package)).toContain("containerd");
});

test("the first time of all the Kubernetes modules are fetched ahead, and later not", async () => {
  haveModules("1.0.0");
  haveScripts();
  mkdirSync(join(tree, "test/cluster/kubernetes"), { recursive: true });
  program("bin/go", `echo "$PWD $*" > ${join(tree, "fetched")}`);
  expect(start(["demo"], "root", tree).status).toBe(7);
  const fetched = () => existsSync(join(tree, "fetched")) && readFileSync(join(tree, "fetched"), "utf8");
  await expect.poll(fetched, { timeout: 15_000 }).toBe(`${join(tree, "test/cluster/kubernetes")} mod download\n`);
  rmSync(join(tree, "fetched"));
  mkdirSync(join(tree, ".cache/osm-egress"), { recursive: true });
  expect(start(["demo"], "root", tree).status).toBe(7);
  expect(fetched()).toBe(false);
});
