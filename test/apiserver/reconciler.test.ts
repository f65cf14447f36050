import { beforeAll, describe, expect, test } from "vitest";
import { egressRolloutDefinition } from "#deploy/crds/egress-rollout.ts";
import { meshInjectionDefinition } from "#deploy/crds/mesh-injection.ts";
import { egressRollout, meshInjection, osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { reconcilerBinding, reconcilerPolicy } from "#deploy/policies/reconciler.ts";
import { reconcilerAccess } from "#deploy/rbac/reconciler.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, mergePatch, messageOf, remove } from "./api.ts";
import { namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const reconciler = connectAs("reconciler");
/** Has every right but the policy's. */
const unbound = connectAs("reconcilerUnbound");

const shop = "re-shop";

function configMap(name: string, where = shop): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: where }, data: { "lds.json": "{}" } };
}

function lease(name: string, where = "osm-system"): KubeObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: where },
    spec: { holderIdentity: "pass-1", leaseDurationSeconds: 20, leaseTransitions: 1 },
  };
}

const subject = pod(shop, { nodeName: "nowhere", tolerations: [{ key: "old", operator: "Exists" }] }, { kept: "yes" });

async function dryApply(connection: KubeConnection, object: KubeObject) {
  return connection.send({
    method: "PATCH",
    path: objectPath(object),
    query: { fieldManager: "osm-reconciler", force: true, dryRun: "All" },
    contentType: "application/apply-patch+yaml",
    body: object,
  });
}

async function proxy(connection: KubeConnection, name: string, method: "GET" | "POST" = "GET") {
  return connection.send({ method, path: `/api/v1/namespaces/${shop}/pods/${name}/proxy/stats`, timeoutMs: 20_000 });
}

beforeAll(async () => {
  await applyAll(admin, [
    osmNamespaceObject(defaults),
    namespace(shop),
    serviceAccount(shop),
    egressRolloutDefinition,
    meshInjectionDefinition(defaults),
    ...reconcilerAccess(defaults),
  ]);
  await eventually("the CRDs are served", async () => {
    const codes = await Promise.all(
      [meshInjection(defaults), egressRollout(defaults)].map(async (one) => create(admin, one, true)),
    );
    return codes.every((response) => response.status !== 404);
  });
  await applyAll(admin, [
    meshInjection(defaults),
    egressRollout(defaults),
    reconcilerPolicy(defaults),
    reconcilerBinding(),
  ]);
  await create(admin, subject);
  await eventually(
    "the policy is in force",
    async () => (await create(unbound, configMap("other"), true)).status === 403,
  );
  await eventually(
    "the roles are in force",
    async () => (await reconciler.send({ method: "GET", path: "/api/v1/pods" })).status === 200,
  );
});

describe("what the reconciler may, with its own rights", () => {
  test.each(["osm-sidecar.default", `osm-sidecar.${"a".repeat(241)}`])(
    "apply ConfigMap %s in any namespace",
    async (name) => {
      expect((await dryApply(reconciler, configMap(name))).status).toBe(201);
    },
  );

  test("apply, then delete a sidecar ConfigMap", async () => {
    await applyAll(reconciler, [configMap("osm-sidecar.web")]);
    expect((await remove(reconciler, configMap("osm-sidecar.web"))).status).toBe(200);
  });

  test("apply osm-last-good.* in osm-system", async () => {
    expect((await dryApply(reconciler, configMap("osm-last-good.0a1b", "osm-system"))).status).toBe(201);
  });

  test("create, read and update its Lease", async () => {
    const created = await create(reconciler, lease("osm-reconciler"));
    expect(created.status).toBe(201);
    const path = objectPath(lease("osm-reconciler"));
    const update = { ...(JSON.parse(created.text) as KubeObject), spec: { leaseTransitions: 2 } };
    expect((await reconciler.send({ method: "PUT", path, body: update })).status).toBe(200);
    expect((await reconciler.send({ method: "GET", path })).status).toBe(200);
    await remove(admin, lease("osm-reconciler"));
  });

  test("write the status of the rollout", async () => {
    const status = {
      phase: "Idle",
      sidecars: { total: 0, verified: 0, rejected: 0, unreachable: 0 },
    };
    const path = objectPath(egressRollout(defaults));
    const read = await reconciler.send({ method: "GET", path });
    const body = { ...(JSON.parse(read.text) as KubeObject), status };
    const written = await reconciler.send({ method: "PUT", path: `${path}/status`, body });
    expect(written.text).toContain('"phase":"Idle"');
    expect(written.status).toBe(200);
  });

  test("write the MeshInjection", async () => {
    const { spec: _spec, ...object } = meshInjection(defaults);
    const wanted = { ...object, spec: { envoyLogLevel: "info" } } as KubeObject;
    expect((await dryApply(reconciler, wanted)).status).toBe(200);
    // Lost, it is made again, with this installation's image.
    await remove(admin, wanted);
    const made = await dryApply(reconciler, wanted);
    expect(made.text).toContain(defaults.images.sidecar);
    expect(made.status).toBe(201);
    await applyAll(admin, [meshInjection(defaults)]);
  });

  test.each([
    ["set", { [annotations.poke]: "abc 1" }],
    ["change", { [annotations.poke]: "abc 2" }],
    ["fill up to 256 characters", { [annotations.poke]: "x".repeat(256) }],
    ["take away", { [annotations.poke]: null }],
  ])("%s its annotation of a pod", async (_what, changed) => {
    expect((await mergePatch(reconciler, subject, { metadata: { annotations: changed } })).status).toBe(200);
  });

  test("ask port 15010 of a pod", async () => {
    // There is no node: what comes back is that it does not answer, not that it is forbidden.
    const asked = await proxy(reconciler, "subject:15010");
    expect([403, 422]).not.toContain(asked.status);
  });
});

describe("what it may not, even with every right that RBAC can give", () => {
  test.each([
    ["osm-config", "osm-system"],
    ["osm-sidecar", shop],
    ["x.osm-sidecar.web", shop],
    ["osm-last-good.0a1b", shop],
  ])("write ConfigMap %s in %s", async (name, where) => {
    // The switch is there, so that no other policy has anything against osm-config.
    const refused = await dryApply(unbound, { ...configMap(name, where), data: { egress: "true" } });
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain("only osm-sidecar.*, and osm-last-good.* in osm-system");
  });

  test("delete another's ConfigMap", async () => {
    await create(admin, configMap("theirs"));
    expect((await remove(unbound, configMap("theirs"))).status).toBe(403);
  });

  test.each([
    ["another", "osm-system"],
    ["osm-reconciler", shop],
  ])("take Lease %s in %s", async (name, where) => {
    expect((await create(unbound, lease(name, where), true)).status).toBe(403);
  });

  test.each([meshInjection, egressRollout])("make a second object of %o's kind", async (of) => {
    const object = of(defaults);
    const second = { ...object, metadata: { name: "second", namespace: "osm-system" } };
    const elsewhere = { ...object, metadata: { name: "osm-config", namespace: shop } };
    expect((await create(unbound, second, true)).status).toBe(403);
    expect((await create(unbound, elsewhere, true)).status).toBe(403);
  });

  test.each<readonly [string, object]>([
    ["a label", { metadata: { labels: { team: "x" } } }],
    ["another annotation", { metadata: { annotations: { other: "x" } } }],
    ["another annotation beside its own", { metadata: { annotations: { other: "x", [annotations.poke]: "1" } } }],
    ["an annotation's value", { metadata: { annotations: { kept: "no" } } }],
    ["an annotation away", { metadata: { annotations: { kept: null } } }],
    ["a finalizer", { metadata: { finalizers: ["x.io/y"] } }],
    ["an owner", { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "x", uid: "u" }] } }],
    ["an image", { spec: { containers: [{ name: "app", image: "evil:1" }] } }],
    ["a deadline", { spec: { activeDeadlineSeconds: 5 } }],
    ...[0, 1, 2].map((generation): readonly [string, object] => [
      `an image, and call its generation ${generation},`,
      { metadata: { generation }, spec: { containers: [{ name: "app", image: "evil:1" }] } },
    ]),
  ])("change %s of a pod", async (_what, patch) => {
    const refused = await unbound.send({
      method: "PATCH",
      path: objectPath(subject),
      contentType: "application/strategic-merge-patch+json",
      body: patch,
    });
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain(`only annotation ${annotations.poke} may change`);
  });

  test("fill a pod's annotations with a longer poke", async () => {
    const longer = { metadata: { annotations: { [annotations.poke]: "x".repeat(257) } } };
    const refused = await mergePatch(unbound, subject, longer);
    expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining("at most 256 characters")]);
  });

  test("create or delete a pod", async () => {
    expect((await create(unbound, pod(shop), true)).status).toBe(403);
    expect((await remove(unbound, subject)).status).toBe(403);
  });

  test.each(["subject:8080", "subject", "subject:150100", "http:subject:1501", "https:subject:10250"])(
    "reach %s through the proxy",
    async (name) => {
      const refused = await proxy(unbound, name);
      expect(refused.status).toBe(403);
      expect(messageOf(refused)).toContain("pods/proxy: only port 15010");
    },
  );

  test.each(["exec", "attach", "portforward"])("pods/%s", async (sub) => {
    const refused = await unbound.send({
      method: "POST",
      path: `/api/v1/namespaces/${shop}/pods/subject/${sub}`,
      query: { command: "id", container: "app", stdout: true },
    });
    expect(refused.status).toBe(403);
  });

  test("an ephemeral container", async () => {
    const refused = await unbound.send({
      method: "PATCH",
      path: `${objectPath(subject)}/ephemeralcontainers`,
      contentType: "application/strategic-merge-patch+json",
      body: { spec: { ephemeralContainers: [{ name: "e", image: "e" }] } },
    });
    expect(refused.status).toBe(403);
  });

  test("evict, bind or resize a pod, or write its status", async () => {
    for (const [sub, body] of [
      ["eviction", { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "subject", namespace: shop } }],
      [
        "binding",
        { apiVersion: "v1", kind: "Binding", metadata: { name: "subject" }, target: { kind: "Node", name: "n" } },
      ],
    ] as const) {
      const refused = await unbound.send({ method: "POST", path: `${objectPath(subject)}/${sub}`, body });
      expect([sub, refused.status]).toEqual([sub, 403]);
    }
    const status = await unbound.send({
      method: "PATCH",
      path: `${objectPath(subject)}/status`,
      contentType: "application/merge-patch+json",
      body: { status: { phase: "Succeeded" } },
    });
    expect(status.status).toBe(403);
  });
});

describe("what RBAC alone withholds", () => {
  test.each([
    ["GET", "/api/v1/secrets"],
    ["GET", "/api/v1/nodes"],
    ["GET", `/api/v1/namespaces/${shop}/configmaps/osm-sidecar.web`],
    ["POST", `/api/v1/namespaces/${shop}/pods/subject:15010/proxy/quitquitquit`],
    ["PUT", `/api/v1/namespaces/${shop}/pods/subject:15010/proxy/x`],
    ["DELETE", `/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system/egressrollouts/osm-config`],
  ] as const)("%s %s", async (method, path) => {
    expect((await reconciler.send({ method, path })).status).toBe(403);
  });
});

test("nobody else is bound by the policy", async () => {
  expect((await mergePatch(admin, subject, { metadata: { labels: { team: "x" } } })).status).toBe(200);
  expect((await create(admin, configMap("anything"), true)).status).toBe(201);
});
