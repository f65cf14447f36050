import { afterAll, beforeAll, expect, test } from "vitest";
import { images } from "#deploy/images.ts";
import type { ConfigView } from "#lib/cli/proxy-views.ts";
import type { UninstallReport } from "#lib/cli/uninstall/report.ts";
import { eventually } from "#test/eventually.ts";
import { isCut, podsWithinMs } from "./expect-status.ts";
import { patchConfig, patchEgress, podOf, podsOf } from "./mesh-pods.ts";
import { type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { probeOnce } from "./probe.ts";
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
  const spec = appSpec("default");
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

  const result = await osm("restart", "--outdated", "-n", shop, "--timeout", "45");
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(
    /Deployment shop\/late-b did not come up: not within 45 s: .*container app is not ready/,
  );
  expect(result.stderr).toContain("Unhealthy: Readiness probe failed");
  expect(result.stdout).toMatch(/shop\/late-a .* restarted\n.*shop\/late-b .* failed\n.*shop\/late-c .* not-begun/);
  expect((await pods("late-a")).map(({ sidecar }) => sidecar)).toEqual([image]);
  expect(await pods("late-c")).toEqual(untouched);
});

test("osm proxy get: what a sidecar says, what it is to run, and that it does", async () => {
  const { pod } = await podOf(mesh.cluster, shop, "current");
  const get = async (query: string) => {
    const { exitCode, stdout, stderr } = await mesh.osm("proxy", "get", query, `${shop}/${pod}`);
    expect([query, exitCode, stderr]).toEqual([query, 0, ""]);
    return stdout;
  };
  expect(await get("ready")).toBe("LIVE\n");
  expect(await get("prometheus")).toContain("envoy_server_live");
  expect(await get("stats")).toContain('"listener_manager.lds.version_text"');
  expect(await get("listeners")).toContain('"egress-refused"');
  const { version, sidecar } = JSON.parse(await get("config")) as ConfigView;
  expect([version, sidecar]).toEqual([expect.stringMatching(/^off-/), expect.objectContaining({ runsIt: true })]);
});

// It takes the mesh away.
test("osm uninstall: refused, then by force in mid-rollout with every sidecar open, then clean once their pods are gone", async () => {
  const { cluster, osm } = mesh;
  const from = await podOf(cluster, shop, "current");
  const reaches = async () => {
    return (await probeOnce(cluster, from, "http", `http://${mesh.world.outside.sites.http.target}/`)).reached;
  };
  expect(await reaches()).toBe(false);
  const refused = await osm("uninstall");
  expect([refused.exitCode, refused.stdout]).toEqual([1, expect.stringMatching(/Deployment shop\/current +1 /)]);
  expect(refused.stderr).toContain("osm namespace remove shop");
  expect(await reaches()).toBe(false);

  // Functions are on their way to both, and the last one closes.
  await patchEgress(cluster, "true");
  await patchEgress(cluster, "false");
  const forced = await osm("uninstall", "--force", "-o", "json");
  const { opened, outcome, kept } = JSON.parse(forced.stdout) as UninstallReport;
  expect([forced.exitCode, outcome, opened?.missing, opened?.verified]).toEqual([3, "uninstalled", [], opened?.total]);
  expect(opened?.total).toBeGreaterThanOrEqual(5);
  expect(kept).toContain("ConfigMap shop/osm-sidecar.default");
  expect(await reaches()).toBe(true);
  // It starts again by itself, from the ConfigMap that has stayed.
  await cluster.signal(from.namespace, from.pod, "envoy", "SIGKILL");
  await expect.poll(reaches, { timeout: 20_000 }).toBe(true);

  await cluster.kubectl("scale", "deployment/late-b", "--replicas=0", "-n", shop);
  await cluster.kubectl("rollout", "restart", "deployment", "-n", shop);
  const names = ["current", "early", "late-a", "late-c", "older"];
  await running(...names);
  for (const name of names) expect((await pods(name)).map(({ sidecar }) => sidecar)).toEqual([null]);
  const configs = () => cluster.kubectl("get", "cm", "-A", "-l", "openservicemesh.io/sidecar-config", "-o", "name");
  expect(await configs()).toContain("osm-sidecar.default");
  // Pods that are being deleted still mount it.
  const again = await eventually(
    "nothing is left for pods",
    async () => {
      const result = await osm("uninstall");
      return result.exitCode === 0 && result;
    },
    { withinMs: 60_000 },
  );
  expect(again.stdout).toContain("There is no mesh [osm]");
  expect(await configs()).toBe("");
});

test("installed again, and an exclusion: the next pods have it, closed but for that", async () => {
  const { cluster, osm, world } = mesh;
  await mesh.install("--enable-permissive-traffic-policy");
  const added = await osm("namespace", "add", shop);
  expect([added.exitCode, added.stderr]).toEqual([0, ""]);
  const { tcp, http } = world.outside.sites;
  const patch = JSON.stringify({ data: { outbound_port_exclusion_list: String(tcp.port) } });
  const version = await patchConfig(cluster, patch, "merge", "-o", "jsonpath={.metadata.resourceVersion}");
  await mesh.untilStatus("taken up", (it) => it.observed?.resourceVersion === version);
  const restarted = await osm("restart", "--outdated", "-n", shop);
  expect([restarted.exitCode, restarted.stderr]).toEqual([0, ""]);
  const from = await podOf(cluster, shop, "current");
  const reaches = async (...words: readonly string[]) => (await probeOnce(cluster, from, ...words)).reached;
  expect(await reaches("tcp", tcp.target)).toBe(true);
  expect(await reaches("http", `http://${http.target}/`)).toBe(false);
});
