import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { injectionBinding } from "#deploy/injection/policy.ts";
import { everyObject } from "#deploy/manifests.ts";
import { egressRollout, osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { asReconciler } from "#lib/cli/cluster-options.ts";
import type { UninstallReport } from "#lib/cli/uninstall/report.ts";
import type { KubeConnection, KubeResponse } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { expectOk, type KubeObject, read } from "#lib/kube/objects.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import { objectName } from "#lib/rollout/drift/guard-object.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, create, mergePatch, remove } from "../api.ts";
import { startChild } from "../faults/child.ts";
import { runningStatus } from "../faults/small-mesh.ts";
import { namespace, pod, type StoredPod, serviceAccount } from "../pods.ts";
import { type OwnServer, type Ran, startOwnServer } from "./own-server.ts";
import { difference, snapshot } from "./snapshot.ts";

const shop = "shop";
const config = osmConfig(defaults);
const subject = pod(shop);

let server: OwnServer;
let admin: KubeConnection;

beforeAll(async () => {
  server = await startOwnServer();
  admin = server.connect();
  await applyAll(admin, [namespace(shop, undefined, false), serviceAccount(shop)]);
});
afterAll(() => server?.stop());

/** A mesh with one member, `shop`, and no pod. */
beforeEach(async () => {
  await remove(admin, subject);
  expect(await server.osm("install")).toMatchObject({ exitCode: 0 });
  expect(await server.osm("namespace", "add", shop)).toMatchObject({ exitCode: 0 });
});

/** Those of the mesh's objects that are there. */
async function there(): Promise<readonly string[]> {
  const objects = everyObject(meshPlace);
  const found = await Promise.all(objects.map((object) => read(admin, objectPath(object))));
  return objects.filter((_, at) => found[at] !== undefined).map(objectName);
}

const sidecarConfig: KubeObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "osm-sidecar.default", namespace: shop },
};
const lease: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "osm-reconciler", namespace: "osm-system" },
};

interface StoredConfig {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly data: Readonly<Record<string, string>>;
}

async function storedConfig(object: KubeObject): Promise<StoredConfig> {
  const found = await read<StoredConfig>(admin, objectPath(object));
  if (!found) throw new Error(`no ${objectName(object)}`);
  return found;
}

async function injectedPod(spec: object = {}, metadata: object = {}): Promise<void> {
  const created = await create(admin, {
    ...subject,
    metadata: { ...subject.metadata, ...metadata },
    spec: { ...(subject["spec"] as object), ...spec },
  });
  expect(created.status).toBe(201);
}

describe("while a pod has a sidecar", () => {
  test("it is refused, by name and with what helps, and nothing is changed", async () => {
    await injectedPod();
    const before = await snapshot(admin);
    const ran = await server.osm("uninstall");
    expect(ran.exitCode).toBe(1);
    expect(ran.said).toMatch(/Pod shop\/subject +1 +delete it, and create it again/);
    expect(ran.complained).toContain("1 pods have a sidecar");
    expect(ran.complained).toContain("osm namespace remove shop");
    expect(ran.complained).toContain("osm uninstall --force");
    expect(difference(before, await snapshot(admin))).toEqual({ made: [], changed: [], gone: [] });
  });

  test("a program reads who it is, from standard output alone", async () => {
    await injectedPod();
    const { said, exitCode } = await server.osm("uninstall", "-o", "json");
    const report = JSON.parse(said) as UninstallReport;
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({
      outcome: "refused",
      removed: [],
      workloads: [{ of: "Pod shop/subject", pods: ["shop/subject"] }],
    });
  });

  test("a dry run lists what would go, and changes nothing", async () => {
    await injectedPod();
    const before = await snapshot(admin);
    const { said, exitCode } = await server.osm("uninstall", "--dry-run", "-o", "json");
    const report = JSON.parse(said) as UninstallReport;
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ outcome: "planned", workloads: [{ of: "Pod shop/subject" }] });
    expect(report.removed).toContain("ClusterRole osm-reconciler");
    expect(difference(before, await snapshot(admin))).toEqual({ made: [], changed: [], gone: [] });
  });

  test("by force: the ConfigMap that it mounts stays, open; osm-config stays as it was; new pods come without", async () => {
    await injectedPod();
    const before = await storedConfig(sidecarConfig);
    const config0 = await storedConfig(config);
    expect(before.data["lds.json"]).not.toContain('"cluster":"passthrough-outbound"');
    const ran = await server.osm("uninstall", "--force");
    expect([ran.exitCode, ran.complained]).toEqual([3, ""]);
    expect(ran.said).toContain("1 pods keep their sidecar until they are restarted");
    expect(ran.said).toContain("osm-system/osm-config is as it was");
    const after = await storedConfig(sidecarConfig);
    expect(after.data["lds.json"]).toContain('"cluster":"passthrough-outbound"');
    expect(fencingOf(after)).toBeGreaterThan(fencingOf(before));
    expect(await storedConfig(config)).toEqual(config0);
    expect(config0.data["egress"]).toBe("false");
    const events = await admin.send({ method: "GET", path: "/api/v1/namespaces/osm-system/events" });
    expect(events.text).toContain("osm uninstall --force has opened 0 of 0 sidecars for good");
    expect(await there()).toEqual([]);
    const tried = await create(admin, { ...subject, metadata: { ...subject.metadata, name: "next" } }, true);
    expect((JSON.parse(tried.text) as StoredPod).spec.initContainers).toBeUndefined();

    const again = await server.osm("uninstall");
    expect([again.exitCode, again.complained]).toEqual([3, ""]);
    expect(await read(admin, objectPath(sidecarConfig))).toBeDefined();
    await remove(admin, subject);
    expect(await server.osm("uninstall")).toMatchObject({ exitCode: 0, complained: "" });
    expect(await read(admin, objectPath(sidecarConfig))).toBeUndefined();
  });
});

function fencingOf({ metadata }: StoredConfig): number {
  return Number(metadata.annotations["openservicemesh.io/fencing-number"]);
}

describe("by force, where one account cannot be written", () => {
  const web = serviceAccount(shop, "web");
  const second: KubeObject = { ...subject, metadata: { ...subject.metadata, name: "second" } };
  const name = "not-this-one";
  const api = "admissionregistration.k8s.io/v1";
  const refusal: readonly KubeObject[] = [
    {
      apiVersion: api,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: {
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [""],
              apiVersions: ["v1"],
              operations: ["UPDATE"],
              resources: ["configmaps"],
              resourceNames: ["osm-sidecar.web"],
            },
          ],
        },
        validations: [{ expression: "false", message: "not this one", reason: "Forbidden" }],
      },
    },
    {
      apiVersion: api,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  ];
  const webConfig: KubeObject = { ...sidecarConfig, metadata: { name: "osm-sidecar.web", namespace: shop } };

  test("what was opened is closed again, whatever drift mode there is, and nothing is removed", async () => {
    try {
      await applyAll(admin, [web]);
      expect(await server.osm("namespace", "add", shop)).toMatchObject({ exitCode: 0 });
      await mergePatch(admin, egressRollout(defaults), { spec: { drift: "detect" } });
      await injectedPod();
      await injectedPod({ serviceAccountName: "web" }, { name: "second" });
      await applyAll(admin, refusal);
      const reconciler = server.connect("admin", asReconciler);
      await eventually("the policy is in force", async () => {
        const query = { dryRun: "All" };
        const request = { method: "PATCH", path: objectPath(webConfig), query, body: { data: {} } } as const;
        return (await reconciler.send({ ...request, contentType: "application/merge-patch+json" })).status === 403;
      });
      const before = [await storedConfig(sidecarConfig), await there()] as const;

      const ran = await server.osm("uninstall", "--force");
      expect([ran.exitCode, ran.said]).toEqual([1, expect.stringContaining("Not finished: 0 objects")]);
      expect(ran.complained).toContain("could not be written: shop/web");
      expect(ran.said).toContain("1 sidecars were opened; osm-system/osm-config says off, and not all may be back");
      expect(ran.said).toContain("osm reconcile --correct closes them");
      const after = await storedConfig(sidecarConfig);
      expect(after.data).toEqual(before[0].data);
      // Twice: it was open in between.
      expect(fencingOf(after)).toBeGreaterThan(fencingOf(before[0]) + 1);
      expect(await there()).toEqual(before[1]);
      const events = await admin.send({ method: "GET", path: "/api/v1/namespaces/osm-system/events" });
      expect(events.text).toContain("osm uninstall --force opens 2 sidecars for good, which osm-config wants off");
    } finally {
      for (const object of [...refusal.toReversed(), second, web]) await remove(admin, object);
    }
  });
});

describe("by force, and told to end", () => {
  /** Where the API server forwards nobody: a sidecar that gives no answer. */
  const nowhere = "127.0.0.1";

  async function interruptedOnceOpen(): Promise<Pick<Ran, "exitCode" | "said">> {
    await injectedPod({ nodeName: "nowhere", tolerations: [{ operator: "Exists" }] });
    const status = runningStatus(await readPod(), nowhere);
    const body = { status };
    const path = `${objectPath(subject)}/status`;
    await expectOk(admin, { method: "PATCH", path, contentType: "application/merge-patch+json", body });
    const command = ["lib/cli/main.ts", "uninstall", "--force", "--kubeconfig", server.kubeconfigPath];
    const child = startChild(command, {});
    try {
      await eventually("it is open", async () => {
        return (await storedConfig(sidecarConfig)).data["lds.json"]?.includes('"cluster":"passthrough-outbound"');
      });
      // And everything that it has said is read.
      const ended = once(child.process, "close");
      child.process.kill("SIGINT");
      const [exitCode] = (await ended) as [number | null];
      return { exitCode: exitCode ?? -1, said: child.said.join("\n") };
    } finally {
      await child.kill();
      // No kubelet is there to end it.
      await admin.send({ method: "DELETE", path: objectPath(subject), body: { gracePeriodSeconds: 0 } });
    }
  }

  async function readPod(): Promise<StoredPod> {
    return (await read<StoredPod>(admin, objectPath(subject))) as StoredPod;
  }

  test("by Ctrl-C while sidecars are asked: it closes again what it has opened, and says so", async () => {
    const before = [await storedConfig(sidecarConfig), await there()] as const;
    const ran = await interruptedOnceOpen();
    expect(ran.exitCode).toBe(1);
    expect(ran.said).toContain("Not finished: 0 objects");
    expect(ran.said).toContain("1 sidecars were opened; osm-system/osm-config says off, and not all may be back");
    expect(ran.said).toContain("told to end in the middle");
    expect((await storedConfig(sidecarConfig)).data).toEqual(before[0].data);
    expect(await there()).toEqual(before[1]);
  });
});

test("in strict mode too it ends only when new pods come without a sidecar", async () => {
  expect(await server.osm("install", "--strict")).toMatchObject({ exitCode: 0 });
  const added = await server.osm("namespace", "add", shop);
  expect([added.exitCode, added.said]).toEqual([0, expect.not.stringContaining("could not be tried")]);
  expect(await server.osm("uninstall")).toMatchObject({ exitCode: 0, complained: "" });
  let tried: KubeResponse | undefined;
  // What refuses pods is not waited for: nobody gets a sidecar by it.
  await eventually("strict mode is out of force", async () => {
    tried = await create(admin, subject, true);
    return tried.status === 201;
  });
  expect((JSON.parse(tried?.text ?? "{}") as StoredPod).spec.initContainers).toBeUndefined();
});

test("a second time it finds nothing, and says so", async () => {
  expect((await server.osm("uninstall")).said).toContain("OSM uninstalled");
  const before = await snapshot(admin);
  const again = await server.osm("uninstall");
  expect([again.exitCode, again.complained]).toEqual([0, ""]);
  expect(again.said).toContain("There is no mesh [osm] in namespace [osm-system]");
  expect(difference(before, await snapshot(admin))).toEqual({ made: [], changed: [], gone: [] });
});

describe("another mesh than the cluster's", () => {
  test.each([
    ["by name", ["--mesh-name", "other"]],
    ["by place", ["--osm-namespace", "elsewhere"]],
  ])("is refused %s, and told the right one", async (_, flags) => {
    const before = await snapshot(admin);
    const ran = await server.osm("uninstall", "--force", ...flags);
    expect(ran.exitCode).toBe(1);
    expect(ran.complained).toContain("this cluster has mesh osm in osm-system, not");
    expect(ran.complained).toContain("osm uninstall --mesh-name osm --osm-namespace osm-system");
    expect(difference(before, await snapshot(admin))).toEqual({ made: [], changed: [], gone: [] });
  });

  test("also where injection is off already", async () => {
    await remove(admin, injectionBinding(defaults));
    const ran = await server.osm("uninstall", "--osm-namespace", "elsewhere");
    expect(ran.complained).toContain("this cluster has mesh osm in osm-system, not mesh osm in elsewhere");
  });

  test("a second one is not installed, and is told how this one goes", async () => {
    const ran = await server.osm("install", "--mesh-name", "other");
    expect(ran.complained).toContain("a cluster has one mesh");
    expect(ran.complained).toContain("osm uninstall --mesh-name osm --osm-namespace osm-system");
  });
});

test("whoever may not act as the reconcilers is told the verb, before anything is changed", async () => {
  const rbac = "rbac.authorization.k8s.io";
  const verbs = ["get", "list", "create", "update", "patch", "delete"];
  const role: KubeObject = {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRole",
    metadata: { name: "operator" },
    rules: [{ apiGroups: ["*"], resources: ["*"], verbs }],
  };
  const binding: KubeObject = {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "operator" },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "operator" },
    subjects: [{ apiGroup: rbac, kind: "User", name: "operator" }],
  };
  await applyAll(admin, [role, binding]);
  const operator = server.connect("operator");
  await eventually(
    "he has his rights",
    async () => (await operator.send({ method: "GET", path: "/api/v1/pods" })).status === 200,
  );
  const before = await snapshot(admin);
  const ran = await server.osmAs("operator", "uninstall");
  expect(ran.exitCode).toBe(1);
  expect(ran.complained).toContain("you may not act as group osm:reconcilers");
  expect(ran.complained).toContain("--verb=impersonate --resource=groups,users");
  expect(difference(before, await snapshot(admin))).toEqual({ made: [], changed: [], gone: [] });
});

describe("in the middle of a change", () => {
  async function holdLease(holder: string, renewedMs: number): Promise<void> {
    const found = await read<KubeObject>(admin, objectPath(lease));
    const renewTime = new Date(renewedMs).toISOString().replace("Z", "000Z");
    const spec = { ...(found?.["spec"] as object), holderIdentity: holder, renewTime, leaseDurationSeconds: 20 };
    await expectOk(admin, { method: "PUT", path: objectPath(lease), body: { ...found, spec } });
  }

  test("it waits for the pass that is writing, and removes nothing until then", async () => {
    await holdLease("a-pass", Date.now());
    const running = server.osm("uninstall");
    await sleep(2_000);
    const meanwhile = await there();
    await holdLease("", Date.now());
    expect(meanwhile).toContain("MutatingAdmissionPolicyBinding osm-sidecar-injection");
    expect(await running).toMatchObject({ exitCode: 0, complained: "" });
    expect(await there()).toEqual([]);
  });

  test("a pass that died, with the change half written, is no obstacle", async () => {
    const path = objectPath(sidecarConfig);
    const reconciler = server.connect("admin", asReconciler);
    await expectOk(reconciler, {
      method: "PATCH",
      path,
      contentType: "application/merge-patch+json",
      body: { metadata: { annotations: { "openservicemesh.io/fencing-number": "900" } }, data: { "lds.json": "{" } },
    });
    await mergePatch(admin, egressRollout(defaults), { spec: { drift: "detect" } });
    await holdLease("dead", Date.now() - 60_000);
    const ran = await server.osm("uninstall");
    expect([ran.exitCode, ran.complained]).toEqual([0, ""]);
    expect(ran.said).toContain('EgressRollout osm-system/osm-config had spec {"drift":"detect"}');
    expect([await there(), await read(admin, path)]).toEqual([[], undefined]);
  });
});

describe("what only half of it is there of is removed too", () => {
  test.each([
    ["without the reconciler's rights in the mesh's namespace", ["RoleBinding osm-system/osm-reconciler"]],
    ["without the guard of the sidecars' ConfigMaps", ["ValidatingAdmissionPolicyBinding osm-sidecar-config"]],
    [
      "without definitions",
      everyObject(meshPlace)
        .filter(({ kind }) => kind === "CustomResourceDefinition")
        .map(objectName),
    ],
  ])("%s", async (_, names) => {
    await injectedPod();
    const missing = everyObject(meshPlace).filter((object) => names.includes(objectName(object)));
    expect(missing).toHaveLength(names.length);
    for (const object of missing) await remove(admin, object);
    const ran = await server.osm("uninstall", "--force");
    expect([ran.exitCode, ran.complained]).toEqual([3, ""]);
    expect((await storedConfig(sidecarConfig)).data["lds.json"]).toContain('"cluster":"passthrough-outbound"');
    await remove(admin, subject);
    expect(await server.osm("uninstall")).toMatchObject({ exitCode: 0 });
    expect([await there(), await read(admin, objectPath(sidecarConfig))]).toEqual([[], undefined]);
  });
});

test("a GitOps tool that has applied it is named: it will bring it back", async () => {
  const role = everyObject(meshPlace).find(({ kind }) => kind === "ClusterRole") as KubeObject;
  const flux = { "kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" };
  await mergePatch(admin, role, { metadata: { labels: flux } });
  const { said } = await server.osm("uninstall");
  expect(said).toContain("Kustomization flux-system/mesh will bring back what it has applied");
});

test("a Deployment of the forwarder's name that is somebody's own stays", async () => {
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "mine", image: "mine:1" }] } };
  const mine: KubeObject = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "osm-forwarder", namespace: "osm-system" },
    spec: { selector: { matchLabels: { a: "b" } }, template },
  };
  expect((await create(admin, mine)).status).toBe(201);
  const { said } = await server.osm("uninstall");
  expect(said).toContain("Deployment osm-system/osm-forwarder, which osm install has not made");
  expect(await read(admin, objectPath(mine))).toBeDefined();
  await remove(admin, mine);
});
