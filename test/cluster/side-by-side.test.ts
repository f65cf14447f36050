import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { leftovers, processesIn } from "./leftovers.ts";
import { probeLines, testPod, testService } from "./objects.ts";
import { startWorld, type World, type WorldRecord } from "./world.ts";

const worlds: World[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.stop()));
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function world(): Promise<World> {
  const one = await startWorld();
  worlds.push(one);
  return one;
}

/** A pod and a Service of the same names in each, that answer with the world's own name. */
async function populate(cluster: Cluster): Promise<void> {
  await cluster.apply(testPod("web"), testService("web"), testPod("client", "default", ["sleep", "86400"]));
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=60s");
}

const visit = async (cluster: Cluster, path: string): Promise<string | undefined> => {
  const output = await cluster.exec("default", "client", "app", "probe", "http", `http://site.outside.test${path}`);
  return probeLines(output).at(-1)?.body;
};

test("two worlds have the same addresses inside, and nothing in common", async () => {
  const [first, second] = await Promise.all([world(), world()]);
  const started = Date.now();
  const [a, b] = await Promise.all([startCluster(first), startCluster(second)]);
  console.log(`two clusters up after ${Date.now() - started} ms`);
  await Promise.all([populate(a), populate(b)]);

  expect(await visit(a, "/from-a")).toBe("outside /from-a\n");
  expect(await visit(b, "/from-b")).toBe("outside /from-b\n");
  const paths = async (one: World): Promise<readonly string[]> =>
    (await one.outside.arrivals()).flatMap((arrival) => arrival.paths);
  expect(await paths(first)).toEqual(["/from-a"]);
  expect(await paths(second)).toEqual(["/from-b"]);

  await a.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "only-a" } });
  await expect(b.kubectl("get", "namespace", "only-a")).rejects.toThrow("NotFound");

  const { slot } = first.record;
  await first.stop();
  expect(await leftovers(slot)).toEqual([]);
  expect(await visit(b, "/still-b")).toBe("outside /still-b\n");
  expect(await b.kubectl("get", "--raw", "/api/v1/namespaces/default/pods/web:8080/proxy/")).toMatch(/^web /);
});

async function startElsewhere(): Promise<{ readonly child: ChildProcess; readonly record: WorldRecord }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "crash.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, record: JSON.parse(line) as WorldRecord };
  }
  throw new Error("ended before its world was up");
}

test("a killed run takes its processes, mounts and links with it; the next start clears the rest", async () => {
  const { child, record } = await startElsewhere();
  const namespace = readlinkSync(`/proc/${record.initPid}/ns/pid`);
  expect(processesIn(namespace).length).toBeGreaterThanOrEqual(3);
  child.kill("SIGKILL");
  await once(child, "exit");
  await expect.poll(() => processesIn(namespace), { timeout: 5_000 }).toEqual([]);
  const kinds = async (): Promise<readonly string[]> =>
    (await leftovers(record.slot)).map((each) => each.split(" ")[0] ?? "").sort();
  await expect.poll(kinds, { timeout: 5_000 }).toEqual(["directory", "route"]);

  const marker = join(record.slot.directory, "owner.json");
  const before = readFileSync(marker, "utf8");
  const next = await world();
  // The next start may take the same slot: then the directory is there again, with another owner.
  const after = existsSync(marker) ? readFileSync(marker, "utf8") : "";
  expect(after).not.toBe(before);
  expect(existsSync(join(next.directory, "logs", "sleep.log"))).toBe(false);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s stops a run in order", async (signal) => {
  const { child, record } = await startElsewhere();
  expect(await leftovers(record.slot)).not.toEqual([]);
  child.kill(signal);
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe({ SIGINT: 130, SIGTERM: 143 }[signal]);
  expect(await leftovers(record.slot)).toEqual([]);
  expect(existsSync(record.slot.directory)).toBe(false);
});
