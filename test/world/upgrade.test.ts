import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { sidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { annotations, labels } from "#lib/mesh/names.ts";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { startWorld, type World } from "#test/cluster/world.ts";
import { eventually } from "#test/eventually.ts";
import { bundle } from "../../tools/bundle.ts";
import { patchEgress } from "./mesh-pods.ts";
import { type OsmCommand, osmCommand } from "./osm-command.ts";
import { probeOnce } from "./probe.ts";

const shop = "shop";
const old = { namespace: shop, pod: "old" };

let world: World;
let cluster: Cluster;
let osm: OsmCommand;

async function must(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await osm(...args);
  expect([args, exitCode, stderr]).toEqual([args, 0, ""]);
  return stdout;
}

beforeAll(async () => {
  await bundle();
  world = await startWorld();
  cluster = await startCluster(world);
  osm = osmCommand(cluster.kubeconfigPath);
});
afterAll(async () => {
  await world?.stop();
});

/** What the first version installed, and one pod that was injected by it. */
async function asItWasThen(): Promise<void> {
  const text = await readFile(new URL("../apiserver/day-two/first-install.yaml", import.meta.url), "utf8");
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  for (const object of objects) {
    // Of a kind that its definition has only just brought, for a moment.
    const apply = () => cluster.serverSideApply(object, { manager: "osm-install" });
    await eventually(`${object.kind} ${object.metadata.name}`, apply);
  }
  const egress = false;
  const write = {
    account: { namespace: shop, name: "default" },
    name: "osm-sidecar.default",
    config: sidecarConfig({ egress, destinations: [] }),
    changesFiles: true,
    isImmutable: false,
  };
  const joined = {
    name: shop,
    labels: { [labels.monitoredBy]: "osm" },
    annotations: { [annotations.injection]: "enabled" },
  };
  await cluster.apply(
    { apiVersion: "v1", kind: "Namespace", metadata: joined },
    sidecarConfigMap(write, { egress, permissive: true, inMeshCidrs: [] }, 1, "osm"),
  );
  const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image: "osm-egress/test-app:test" }] };
  await eventually("a pod is injected", async () => {
    await cluster.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: old.pod, namespace: shop }, spec });
    const names = ["get", "pod", old.pod, "-n", shop, "-o", "jsonpath={.spec.initContainers[*].name}"];
    if ((await cluster.kubectl(...names)) === "osm-init envoy") return true;
    await cluster.kubectl("delete", "pod", old.pod, "-n", shop, "--now");
    return false;
  });
  await cluster.kubectl("wait", "--for=condition=Ready", `pod/${old.pod}`, "-n", shop, "--timeout=60s");
}

async function status(): Promise<RolloutStatus> {
  const text = await cluster.kubectl("get", "egr", "osm-config", "-n", "osm-system", "-o", "json");
  return (JSON.parse(text) as { readonly status: RolloutStatus }).status;
}

test("over the first version with a pod running: installed, its sidecar is verified and goes on and off, with no restart", async () => {
  await asItWasThen();
  const uid = ["get", "pod", old.pod, "-n", shop, "-o", "jsonpath={.metadata.uid} {.spec.initContainers[1].args}"];
  const before = await cluster.kubectl(...uid);
  expect(before).toContain("ds.version_text%7Cds.update_rejected");
  await must("install");
  const outside = async () => (await probeOnce(cluster, old, "tcp", world.outside.sites.tcp.target)).reached;
  for (const egress of [false, true, false]) {
    await patchEgress(cluster, String(egress));
    expect(await must("reconcile")).toContain("1 of 1 sidecars verified");
    expect(await outside()).toBe(egress);
  }
  expect(conditionOf(await status(), "EgressCut")).toMatchObject({ status: "True", reason: "AllVerified" });
  expect(await cluster.kubectl(...uid)).toBe(before);
});
