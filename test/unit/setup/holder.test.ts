import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { untilReady } from "../../../tools/setup/holder.ts";

let directory: string;
let logPath: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "osm-holder-"));
  logPath = join(directory, "log");
  writeFileSync(logPath, "starting\n");
});
afterEach(() => rmSync(directory, { recursive: true }));

const start = (script: string) => spawn(process.execPath, ["-e", script], { stdio: "ignore" });
const never = async () => false;

test.each([
  ["by a signal", "process.kill(process.pid, 'SIGKILL')", /^ended by SIGKILL; see .+log$/],
  ["by itself", "process.exit(4)", /^ended with exit code 4; see .+log$/],
])("one that ends %s before it is ready", async (_, script, why) => {
  await expect(untilReady(start(script), logPath, never, 20_000, () => undefined)).rejects.toThrow(why);
});

test("one that takes too long is told to end", async () => {
  const holder = start("setInterval(() => undefined, 1000)");
  const ends = once(holder, "exit");
  await expect(untilReady(holder, logPath, never, 300, () => undefined)).rejects.toThrow(/^not ready after 0.3 s/);
  expect(await ends).toEqual([null, "SIGTERM"]);
});

test("what is logged until it is ready is passed on, once", async () => {
  const holder = start("setInterval(() => undefined, 1000)");
  let looks = 0;
  let told = "";
  const ready = async () => ++looks === 3;
  await untilReady(holder, logPath, ready, 20_000, (text) => {
    told += text;
  });
  holder.kill();
  expect(told).toBe("starting\n");
});
