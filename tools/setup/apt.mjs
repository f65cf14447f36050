// Plain JavaScript: the demo's entry runs this on whatever Node.js the machine has, before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a run needs: `apt` from the distribution, `cached` downloaded or built on first use. */
export const parts = JSON.parse(readFileSync(new URL("parts.json", import.meta.url), "utf8"));

/** Those that are not there. A program that came from elsewhere than apt counts as there. */
export function missingPackages() {
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
  return parts.apt.filter(
    ({ check }) =>
      spawnSync("sh", ["-c", check], { stdio: "ignore", env: { ...process.env, PATH: path } }).status !== 0,
  );
}

/**
 * Installs packages by apt-get, as root.
 *
 * @param names   package names
 * @param onLine  gets apt's own lines
 */
export async function installPackages(names, onLine = () => undefined) {
  if (names.length === 0) return;
  await apt(["update", "--quiet"], onLine);
  await apt(["install", "--yes", "--quiet", "--no-install-recommends", ...names], onLine);
}

function apt(args, onLine) {
  const child = spawn("apt-get", args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  let last = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      for (const line of text.split("\n").filter((each) => each.trim() !== "")) onLine((last = line));
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`apt-get ${args.join(" ")}: exit code ${code}: ${last}`)),
    );
  });
}
