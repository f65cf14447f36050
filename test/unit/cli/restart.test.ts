import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { program } from "#lib/cli/main.ts";
import type { OutputFormat } from "#lib/cli/output.ts";
import { restartOutdated } from "#lib/cli/restart.ts";
import { readRestartPlan } from "#lib/cli/restart-plan.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import { image, older, RestartCluster } from "./restart-cluster.ts";

let stdout = "";
let stderr = "";

beforeEach(() => {
  stdout = "";
  stderr = "";
  const listen = (text: unknown) => {
    stdout += `${String(text)}\n`;
    return true;
  };
  vi.spyOn(console, "log").mockImplementation(listen);
  vi.spyOn(process.stdout, "write").mockImplementation(listen);
  vi.spyOn(process.stderr, "write").mockImplementation((text: unknown) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

interface Run {
  readonly dryRun?: boolean;
  readonly timeout?: number;
  readonly output?: OutputFormat;
}

async function restart(cluster: RestartCluster, { dryRun = false, timeout = 20, output = "table" }: Run = {}) {
  const { connection } = cluster;
  const plan = await readRestartPlan(
    connection,
    { image, place: meshPlace, excludedRanges: [], excludedPorts: [] },
    undefined,
  );
  await restartOutdated(connection, plan, { dryRun, timeout, output });
}

test("one after the other, by name: the next is begun when the one before is up", async () => {
  const cluster = new RestartCluster().add("web").add("api");
  await restart(cluster);
  expect(cluster.happened).toEqual(["restart api", "up api", "restart web", "up web"]);
  expect(stdout).toContain(`Deployment shop/api: restarted; pods with sidecar ${image}: 1`);
  expect(stdout).toMatch(/Deployment shop\/web +1 +registry\/osm-egress\/sidecar:1 +restarted\n/);
  expect(process.exitCode).toBeUndefined();
});

test("where the API server does not inject nothing is restarted for nothing", async () => {
  const cluster = new RestartCluster().add("web");
  cluster.injects = false;
  await restart(cluster);
  expect(cluster.happened).toEqual([]);
  expect(stdout).toMatch(
    /shop\/web .* skipped: the API server does not inject, .* osm inject -f FILE \| kubectl apply/,
  );
  expect(process.exitCode).toBe(3);
});

test("a dry run lists them and restarts nothing", async () => {
  const cluster = new RestartCluster().add("web").add("idle", "comes-up", { paused: true }).addBarePod("lone");
  await restart(cluster, { dryRun: true });
  expect(cluster.happened).toEqual([]);
  expect(stdout).toMatch(/Deployment shop\/web +1 +registry\/osm-egress\/sidecar:1 +planned/);
  expect(stdout).toMatch(/Deployment shop\/idle .* skipped: it is paused/);
  expect(stdout).toMatch(/shop\/lone +- +registry\/osm-egress\/sidecar:1 +delete it and create it again/);
  expect(process.exitCode).toBeUndefined();
});

test("nothing outdated: it says so", async () => {
  await restart(new RestartCluster());
  expect(stdout).toContain("No outdated pods");
  expect(process.exitCode).toBeUndefined();
});

test("the first that does not come up ends the run, and is named with what its pod and its events say", async () => {
  const cluster = new RestartCluster().add("api").add("middle", "stays-down").add("web");
  const run = restart(cluster, { timeout: 2 });
  await expect(run).rejects.toThrow(
    "Deployment shop/middle did not come up: not within 2 s: 0 of 1 new pods available; " +
      "pod middle-pod: container app is not ready; Unhealthy: middle fails its probe",
  );
  expect(cluster.happened).toEqual(["restart api", "up api", "restart middle"]);
  expect(stdout).toMatch(/shop\/api .* restarted\n.*shop\/middle .* failed\n.*shop\/web .* not-begun\n/);
});

test("pods that come up with another sidecar than the wanted are a failure, whatever their workload says", async () => {
  const cluster = new RestartCluster().add("api", "gets-the-old-sidecar").add("web");
  await expect(restart(cluster)).rejects.toThrow(`not with sidecar ${image}: api-pod with ${older}`);
  expect(cluster.happened).toEqual(["restart api", "up api"]);
});

test("an old pod that is still on its way out is waited for", async () => {
  const cluster = new RestartCluster().add("api", "keeps-an-old-pod-for-a-while").add("web");
  await restart(cluster);
  expect(cluster.happened).toEqual(["restart api", "up api", "rid api", "restart web", "up web"]);
});

test("whoever may not read events is told the rest, and that", async () => {
  const cluster = new RestartCluster().add("api", "stays-down");
  cluster.hasEvents = false;
  await expect(restart(cluster, { timeout: 1 })).rejects.toThrow(
    "pod api-pod: container app is not ready; its events may not be read",
  );
});

test("what a restart would not help is skipped with its reason, the others are restarted, and the exit code is 3", async () => {
  const cluster = new RestartCluster().add("api", "comes-up", { paused: true }).add("web");
  await restart(cluster);
  expect(cluster.happened).toEqual(["restart web", "up web"]);
  expect(stdout).toMatch(/Deployment shop\/api .* skipped: it is paused/);
  expect(process.exitCode).toBe(3);
});

test("pods that stay because no workload replaces them: exit code 3", async () => {
  await restart(new RestartCluster().addBarePod("lone"));
  expect(stdout).toContain("shop/lone");
  expect(process.exitCode).toBe(3);
});

test.each(["is-deleted", "is-replaced"] as const)("a workload that %s meanwhile holds nobody up", async (behaviour) => {
  const cluster = new RestartCluster().add("api", behaviour).add("web");
  await restart(cluster);
  expect(cluster.happened).toEqual(["restart api", "restart web", "up web"]);
  expect(stdout).toMatch(/shop\/api .* gone\n/);
});

test("an API server that is away for a while is waited for", async () => {
  const cluster = new RestartCluster().add("api", "comes-up-out-of-sight");
  await restart(cluster);
  expect(cluster.happened).toEqual(["restart api", "up api"]);
});

test("as JSON: standard output is the report alone, progress goes to standard error", async () => {
  const cluster = new RestartCluster().add("api").add("idle", "comes-up", { paused: true }).addBarePod("lone");
  await restart(cluster, { output: "json" });
  const pods = (name: string) => [{ name, sidecar: older }];
  expect(JSON.parse(stdout)).toEqual({
    image,
    workloads: [
      { kind: "Deployment", namespace: "shop", name: "api", pods: pods("api-pod"), outcome: "restarted" },
      {
        kind: "Deployment",
        namespace: "shop",
        name: "idle",
        pods: pods("idle-pod"),
        outcome: "skipped",
        why: expect.stringContaining("it is paused"),
      },
    ],
    byHand: [{ namespace: "shop", pods: pods("lone"), remedy: "delete it and create it again" }],
  });
  expect(stderr).toContain("Deployment shop/api: restarted");
});

test("a failure's reason is in the JSON as well", async () => {
  const cluster = new RestartCluster().add("api", "stays-down");
  await expect(restart(cluster, { output: "json", timeout: 1 })).rejects.toThrow("did not come up");
  expect(JSON.parse(stdout)).toMatchObject({
    workloads: [{ outcome: "failed", why: expect.stringContaining("did not come up") }],
  });
});

test("without --outdated it says what it needs", async () => {
  await expect(program().parseAsync(["restart"], { from: "user" })).rejects.toThrow("wants to be told which workloads");
});
