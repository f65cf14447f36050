import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { program } from "#lib/cli/main.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { type KubeObject, read } from "#lib/kube/objects.ts";
import { annotations, labels } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { clusterAccess } from "./access.ts";
import { applyAll, bodyOf, connectAs, create, kubeconfigOf, mergePatch, remove } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { appContainer, namespace, pod, type StoredPod, serviceAccount } from "./pods.ts";
import { standIn, workload } from "./stand-in-controller.ts";

const admin = connectAs("admin");
const restarted = "rs-shop";
const byHand = "rs-hand";
const image = defaults.images.sidecar;
const older = "osm-egress/sidecar:older";

const web = workload("Deployment", restarted, "web");
const db = workload("StatefulSet", restarted, "db");
/** A pod as injection made it with an older image. */
const oldSidecar = {
  initContainers: [
    { name: "osm-init", image: older },
    { name: "envoy", image: older, restartPolicy: "Always" },
  ],
  volumes: [{ name: "osm-sidecar-config", configMap: { name: "osm-sidecar.default" } }],
};

/** All that the command needs for these two namespaces, and not one verb more. */
const rules = [
  { apiGroups: ["egress.openservicemesh.io"], resources: ["meshinjections"], verbs: ["get"] },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["list"] },
  { apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: ["get", "patch"] },
];
const { role, binding } = clusterAccess("osm-test-restarter", "restarter", rules);

let directory = "";
let said = "";
const stops: (() => Promise<void>)[] = [];

/** The whole command, as the shell calls it. */
async function osmRestart(...flags: readonly string[]): Promise<void> {
  const args = ["restart", "--outdated", "--kubeconfig", join(directory, "config"), ...flags];
  await program().parseAsync(args, { from: "user" });
}

async function stored(object: KubeObject): Promise<{
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly template: { readonly metadata: { readonly annotations?: object } } };
}> {
  const found = await read<Awaited<ReturnType<typeof stored>>>(admin, objectPath(object));
  if (!found) throw new Error(`no ${object.kind} ${object.metadata.name}`);
  return found;
}

/** And waits until the API server goes by it. */
async function setRights(granted: typeof rules, verb: string, resource: string, isGranted: boolean): Promise<void> {
  expect((await mergePatch(admin, role, { rules: granted })).status).toBe(200);
  const group = rules.find(({ resources }) => resources.includes(resource))?.apiGroups[0];
  await eventually("the rights are in force", async () => {
    const response = await connectAs("restarter").send({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: { spec: { resourceAttributes: { verb, group, resource, namespace: restarted } } },
    });
    return bodyOf<{ readonly status: { readonly allowed: boolean } }>(response).status.allowed === isGranted;
  });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "osm-restart-"));
  writeFileSync(join(directory, "config"), JSON.stringify(kubeconfigOf("restarter")));
  await serveMeshInjection(admin, defaults);
  const parameter = meshInjection(defaults);
  await remove(admin, parameter);
  await applyAll(admin, [parameter, injectionPolicy(), injectionBinding(defaults), role, binding]);
  for (const name of [restarted, byHand]) {
    await applyAll(admin, [namespace(name, undefined, false), serviceAccount(name)]);
  }
  stops.push(await standIn(admin, web), await standIn(admin, db, oldSidecar));
  const bare = pod(byHand);
  const owner = { apiVersion: "batch/v1", kind: "Job", name: "load", uid: "1", controller: true };
  await applyAll(admin, [bare, { ...bare, metadata: { name: "load-1", namespace: byHand, ownerReferences: [owner] } }]);
  for (const name of [restarted, byHand]) {
    await mergePatch(admin, namespace(name), {
      metadata: { labels: { [labels.monitoredBy]: "osm" }, annotations: { [annotations.injection]: "enabled" } },
    });
  }
  await eventually("new pods are injected", async () => {
    const tried = await create(admin, { ...pod(restarted), spec: { containers: [appContainer] } }, true);
    return tried.status === 201 && bodyOf<StoredPod>(tried).spec.initContainers?.[0]?.image === image;
  });
});
afterAll(async () => {
  for (const stop of stops) await stop();
  for (const object of [binding, role]) await remove(admin, object);
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  said = "";
  const listen = (text: unknown): boolean => {
    said += `${String(text)}\n`;
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(listen);
  vi.spyOn(console, "log").mockImplementation(listen);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

test("a dry run lists what has no sidecar or an old one, by what made it, and changes nothing", async () => {
  const before = [await stored(web), await stored(db)];
  await osmRestart("--dry-run", "-n", restarted, byHand, "-o", "json");
  const one = (kind: string, name: string, sidecar: string | null) => {
    return { kind, namespace: restarted, name, pods: [{ name: `${name}-1`, sidecar }], outcome: "planned" };
  };
  const none = (name: string) => [{ name, sidecar: null }];
  const remedy = expect.any(String);
  expect(JSON.parse(said)).toEqual({
    image,
    workloads: [one("StatefulSet", "db", older), one("Deployment", "web", null)],
    byHand: [
      { namespace: byHand, owner: "Job load", pods: none("load-1"), remedy },
      { namespace: byHand, pods: none("subject"), remedy },
    ],
  });
  expect([await stored(web), await stored(db)]).toEqual(before);
});

test.each([
  ["rs-nowhere", "namespace rs-nowhere does not exist"],
  ["default", "namespace default is not in mesh osm"],
])("namespace %s is refused before anything is done", async (name, message) => {
  await expect(osmRestart("-n", restarted, name)).rejects.toThrow(message);
  expect((await stored(db)).metadata.generation).toBe(1);
});

test.each([
  ["get", "meshinjections"],
  ["list", "replicasets"],
  ["patch", "statefulsets"],
])("without the right to %s %s, that is what it says", async (verb, resource) => {
  await setRights(rules.flatMap(withoutRight(verb, resource)), verb, resource, false);
  try {
    await expect(osmRestart("-n", restarted)).rejects.toThrow(`cannot ${verb} resource "${resource}"`);
  } finally {
    await setRights(rules, verb, resource, true);
  }
  expect((await stored(web)).metadata.generation).toBe(1);
});

test("without -n it asks for all namespaces", async () => {
  await expect(osmRestart("--dry-run")).rejects.toThrow('cannot list resource "namespaces"');
});

test("both are restarted as kubectl does it, and every new pod has the installed sidecar", async () => {
  await osmRestart("-n", restarted);
  expect(said).toMatch(/StatefulSet rs-shop\/db: restarted.*\n.*Deployment rs-shop\/web: restarted/s);
  expect(process.exitCode).toBeUndefined();
  for (const object of [web, db]) {
    expect((await stored(object)).spec.template.metadata.annotations).toEqual({
      "kubectl.kubernetes.io/restartedAt": expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  }
  said = "";
  await osmRestart("-n", restarted);
  expect(said).toContain("No outdated pods");
  expect((await stored(web)).metadata.generation).toBe(2);
});

/** Fewer rights, by one verb. */
function withoutRight(verb: string, resource: string) {
  return (rule: (typeof rules)[number]): typeof rules => {
    const verbs = rule.resources.includes(resource) ? rule.verbs.filter((it) => it !== verb) : rule.verbs;
    return verbs.length === 0 ? [] : [{ ...rule, verbs }];
  };
}
