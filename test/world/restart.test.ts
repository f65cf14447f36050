import { afterAll, beforeAll, expect, test } from "vitest";
import { images } from "#deploy/images.ts";
import { eventually } from "#test/eventually.ts";
import { isCut, podsWithinMs } from "./expect-status.ts";
import { podsOf } from "./mesh-pods.ts";
import { type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { appSpec } from "./sample-mesh.ts";

const shop = "shop";
const image = images().sidecar;
/** The same image by another name: what counts is which one a pod has, not what is in it. */
const older = "osm-egress/sidecar:older";

let mesh: MeshWorld;

beforeAll(async () => {
  mesh = await startMeshWorld({ log: (line) => console.log(line) });
  await mesh.install("--enable-permissive-traffic-policy");
  const { containerd } = mesh.cluster;
  await containerd.ctr("images", "tag", `docker.io/${image}`, `docker.io/${older}`);
  await mesh.cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: shop } });
});
afterAll(async () => {
  await mesh?.stop();
});

/** @param probe  of its readiness; none when absent */
function deployment(name: string, probe?: readonly string[]): object {
  const spec = appSpec("default") as { readonly containers: readonly object[] };
  const readinessProbe = { exec: { command: probe }, periodSeconds: 1 };
  const containers = spec.containers.map((it) => (probe === undefined ? it : { ...it, readinessProbe }));
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: shop },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { ...spec, containers } },
    },
  };
}

async function running(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mesh.cluster.kubectl("rollout", "status", `deployment/${name}`, "-n", shop, "--timeout=60s");
  }
}

/** What is installed, and what the API server injects from now on. */
async function injectFromNowOn(installed: string): Promise<void> {
  const patch = JSON.stringify({ spec: { images: { sidecar: installed } } });
  const target = ["meshinjection", "osm-config", "-n", "osm-system"];
  await mesh.cluster.kubectl("patch", ...target, "-p", patch, "--type=merge");
  const pod = ["run", "tried", "-n", shop, "--image=app", "--dry-run=server", "-o", "json"];
  await eventually(`pods get ${installed}`, async () => (await mesh.cluster.kubectl(...pod)).includes(installed));
}

interface SeenPod {
  readonly name: string;
  /** Of its Envoy; null without one. */
  readonly sidecar: string | null;
}

async function pods(app: string): Promise<readonly SeenPod[]> {
  const { kubectl } = mesh.cluster;
  const found = await podsOf(mesh.cluster, shop, app);
  return Promise.all(
    found.map(async ({ pod }) => {
      const path = 'jsonpath={.spec.initContainers[?(@.name=="envoy")].image}';
      return { name: pod, sidecar: (await kubectl("get", "pod", pod, "-n", shop, "-o", path)) || null };
    }),
  );
}

test("a Deployment older than its namespace's membership and one of an older sidecar: listed, then restarted, then verified", async () => {
  const { cluster, osm } = mesh;
  await cluster.apply(deployment("early"));
  await running("early");
  const added = await osm("namespace", "add", shop);
  expect([added.exitCode, added.stderr]).toEqual([0, ""]);
  await cluster.apply(deployment("current"));
  await injectFromNowOn(older);
  await cluster.apply(deployment("older"));
  await running("current", "older");
  await injectFromNowOn(image);

  const current = await pods("current");
  expect(current.map(({ sidecar }) => sidecar)).toEqual([image]);
  const planned = async (name: string) => {
    return { kind: "Deployment", namespace: shop, name, pods: await pods(name), outcome: "planned" };
  };
  const expected = { image, workloads: [await planned("early"), await planned("older")], byHand: [] };
  expect(expected.workloads.map((it) => it.pods.map(({ sidecar }) => sidecar))).toEqual([[null], [older]]);
  const listed = await osm("restart", "--outdated", "--dry-run", "-o", "json");
  expect([listed.exitCode, listed.stderr, JSON.parse(listed.stdout)]).toEqual([0, "", expected]);
  expect([await pods("early"), await pods("older")]).toEqual(expected.workloads.map((it) => it.pods));

  const restarted = await osm("restart", "--outdated");
  expect([restarted.exitCode, restarted.stderr]).toEqual([0, ""]);
  expect(restarted.stdout).toMatch(/Deployment shop\/early: restarted.*\nDeployment shop\/older: restarted/);
  for (const name of ["early", "older"]) expect((await pods(name)).map(({ sidecar }) => sidecar)).toEqual([image]);
  expect(await pods("current")).toEqual(current);
  await mesh.untilStatus(
    "three, all verified",
    (it) => isCut(it) && it.sidecars?.verified === 3 && it.sidecars.total === 3,
    podsWithinMs,
  );
  const again = await osm("restart", "--outdated");
  expect([again.exitCode, again.stdout]).toEqual([0, expect.stringContaining("No outdated pods")]);
});

test("a Deployment that does not come up ends the run: it is named with its reason, and those after it are left alone", async () => {
  const { cluster, osm } = mesh;
  await injectFromNowOn(older);
  await cluster.apply(deployment("late-a"), deployment("late-b", ["false"]), deployment("late-c"));
  await running("late-a", "late-c");
  await injectFromNowOn(image);
  const untouched = await pods("late-c");
  expect(untouched.map(({ sidecar }) => sidecar)).toEqual([older]);

  const result = await osm("restart", "--outdated", "-n", shop, "--timeout", "8");
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(
    /Deployment shop\/late-b did not come up: not within 8 s: .*container app is not ready/,
  );
  expect(result.stderr).toContain("Unhealthy: Readiness probe failed");
  expect(result.stdout).toMatch(/shop\/late-a .* restarted\n.*shop\/late-b .* failed\n.*shop\/late-c .* not-begun/);
  expect((await pods("late-a")).map(({ sidecar }) => sidecar)).toEqual([image]);
  expect(await pods("late-c")).toEqual(untouched);
});
