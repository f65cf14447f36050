import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { reconcilerPolicy } from "#deploy/policies/reconciler.ts";
import { printManifest } from "#lib/cli/inject/kubectl-yaml.ts";
import { readMeshParts } from "#lib/cli/mesh-parts.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { type KubeObject, read } from "#lib/kube/objects.ts";
import { readServiceCidrs } from "#lib/kube/service-cidrs.ts";
import { annotations, reconcilersGroup } from "#lib/mesh/names.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, create, mergePatch, messageOf, remove } from "../api.ts";
import { store } from "../forwarder/etcd.ts";
import { namespace, pod, type StoredPod, serviceAccount } from "../pods.ts";
import { type OwnServer, startOwnServer } from "./own-server.ts";

/** As Kubernetes 1.32 served it: policies that validate and none that mutates, and no ServiceCIDRs. */
const older = [
  "--emulated-version=1.33",
  "--feature-gates=MultiCIDRServiceAllocator=false",
  "--runtime-config=networking.k8s.io/v1/servicecidrs=false",
];
const shop = "shop";
const inject = "osm inject -f FILE | kubectl apply -f -";

let server: OwnServer;
let admin: KubeConnection;
let directory = "";

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "osm-older-"));
  server = await startOwnServer({ flags: older });
  admin = server.connect();
  await applyAll(admin, [namespace(shop, undefined, false), serviceAccount(shop)]);
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function osm(...args: readonly string[]) {
  const { said, complained, exitCode } = await server.osm(...args);
  expect([args.join(" "), exitCode, complained]).toEqual([args.join(" "), 0, expect.any(String)]);
  return { said, complained };
}

/** What a drift check finds now. */
async function found() {
  await osm("reconcile");
  const { drift } = JSON.parse((await osm("egress", "status", "-o", "json")).said) as RolloutStatus;
  return (drift?.findings ?? []).map(({ object, field, repair }) => `${object} ${field}: ${repair}`);
}

function named(name: string): KubeObject {
  const { metadata, ...rest } = pod(shop);
  return { ...rest, metadata: { ...metadata, name } };
}

/** As `osm inject` prints it. */
async function injected(name: string): Promise<KubeObject> {
  const file = join(directory, `${name}.yaml`);
  writeFileSync(file, printManifest(named(name)));
  const { said, complained } = await osm("inject", "-f", file);
  expect(complained).toBe(`Pod ${shop}/${name}: injected\n`);
  const { parse } = await import("yaml");
  return parse(said) as KubeObject;
}

/** A reconciler with every other right, so that it is the policy that refuses. */
function leaked(): KubeConnection {
  return server.connect("admin", { user: "leaked", groups: [reconcilersGroup, "system:masters"] });
}

test("osm install brings everything but what injects, says so, and osm uninstall takes it away", async () => {
  const first = await osm("install");
  expect(first.said).toContain("Admission policies: 7 applied, that of osm-config in force, none that injects\n");
  expect(first.complained).toMatch(
    /^\nPods get no sidecar by themselves: the API server .* serves no MutatingAdmission/,
  );
  expect(first.complained).toContain(`\nPut it in before you apply: ${inject}\n`);
  expect((await readMeshParts(admin, "osm-system")).missing).toEqual([]);
  await osm("uninstall");
  expect((await readMeshParts(admin, "osm-system")).found.map(({ kind }) => kind)).toEqual(["Namespace", "ConfigMap"]);
  await osm("install");
});

test("a second mesh is refused all the same", async () => {
  const { complained, exitCode } = await server.osm("install", "--osm-namespace", "elsewhere");
  expect([exitCode, complained]).toEqual([
    1,
    expect.stringContaining("this cluster has mesh osm in namespace osm-sys"),
  ]);
});

test("a bad value is refused", async () => {
  const refused = await mergePatch(admin, osmConfig(defaults), { data: { egress: "ture" } });
  expect(messageOf(refused)).toContain('egress: must be a boolean, got "ture"');
});

test("namespace add takes the namespace and tells how its pods get their sidecar", async () => {
  const { said } = await osm("namespace", "add", shop);
  expect(said).toContain(`its pods get no sidecar by themselves, since the API server does not inject: ${inject}\n`);
});

test("what osm inject prints is taken; of what is not there only pods are called drift, with the way that helps", async () => {
  expect((await create(admin, await injected("web"))).status).toBe(201);
  expect((await create(admin, named("bare"))).status).toBe(201);
  expect(await found()).toEqual([`Pod ${shop}/bare spec.initContainers: ${inject}`]);
  // A pass without the cluster's Service range.
  expect(await readServiceCidrs(admin)).toEqual({ why: expect.stringContaining("Kubernetes before 1.33") });
});

test("a pod without a generation, as Kubernetes before 1.34 made them, is poked, and nothing else of it changes", async () => {
  const made = await read<KubeObject>(admin, objectPath(named("web")));
  const { generation, ...metadata } = made?.metadata ?? { name: "" };
  expect(generation).toBe(1);
  await store(server.etcdUrl, `/registry/pods/${shop}/old`, {
    ...made,
    metadata: { ...metadata, name: "old", uid: "old" },
  });
  const old = named("old");
  await eventually("it is there", async () => (await read(admin, objectPath(old))) !== undefined);
  try {
    const reconciler = server.connect("admin", { user: "osm-egress", groups: [reconcilersGroup] });
    const poke = { metadata: { annotations: { [annotations.poke]: "1" } } };
    const poked = await mergePatch(reconciler, old, poke);
    expect([poked.status, bodyOf<KubeObject>(poked).metadata["generation"]]).toEqual([200, undefined]);
    const changed = await mergePatch(leaked(), old, { spec: { activeDeadlineSeconds: 60 } });
    expect([changed.status, messageOf(changed)]).toEqual([
      403,
      expect.stringContaining(`only annotation ${annotations.poke}`),
    ]);
  } finally {
    await remove(admin, old);
  }
});

test("where no pod has a generation its spec is compared", async () => {
  // This server raises them whatever it emulates, so the policy looks at something that pods here do not have.
  const policy = reconcilerPolicy(defaults);
  const text = JSON.stringify(policy).replaceAll("metadata.?generation", "metadata.?nothing");
  const refusal = `only annotation ${annotations.poke}`;
  await applyAll(admin, [JSON.parse(text.replaceAll(refusal, `older: ${refusal}`)) as KubeObject]);
  try {
    await eventually("another spec is refused", async () => {
      const changed = await mergePatch(leaked(), named("web"), { spec: { activeDeadlineSeconds: 60 } });
      return changed.status === 403 && messageOf(changed).includes(`older: ${refusal}`);
    });
    const poked = await mergePatch(leaked(), named("web"), { metadata: { annotations: { [annotations.poke]: "2" } } });
    expect(poked.status).toBe(200);
  } finally {
    await applyAll(admin, [policy]);
  }
});

test("pods that keep their sidecar lose it by their manifest, not by a restart", async () => {
  expect((await osm("namespace", "remove", shop)).said).toMatch(
    /\nshop\/web\nApply their manifests when it suits, as they were before osm inject\n/,
  );
  await osm("namespace", "add", shop);
});

test("upgraded, osm install brings what injects, and nothing else is different", async () => {
  await server.restart([]);
  const again = await osm("install");
  expect(again.said).toContain("Admission policies: 8 applied, that of osm-config in force\n");
  expect(again.complained).toBe("");
  expect((await osm("namespace", "add", shop)).said).toMatch(/successfully added to mesh \[osm\]\n$/);
  const { spec } = bodyOf<StoredPod>(await create(admin, named("next"), true));
  expect(spec.initContainers?.map(({ name }) => name)).toEqual(["osm-init", "envoy"]);
  expect(await found()).toEqual([`Pod ${shop}/bare spec.initContainers: osm restart --outdated`]);
});
