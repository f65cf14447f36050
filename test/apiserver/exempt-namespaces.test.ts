import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { exemptNamespacesBinding, exemptNamespacesPolicy } from "#deploy/policies/exempt-namespaces.ts";
import { exemptRole } from "#deploy/rbac/exempt.ts";
import type { KubeConnection, KubeResponse } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, labels } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, messageOf, remove } from "./api.ts";
import { namespace } from "./pods.ts";

const admin = connectAs("admin");
/** May do everything with namespaces, and lacks the verb. */
const keeper = connectAs("editor");
const exempter = connectAs("exempter");

const shop = namespace("en-shop", "enabled");
const plain = namespace("en-plain");
const outside = namespace("en-outside", undefined, false);
const allowed = withAnnotations(namespace("en-allowed", "enabled"), { [annotations.allowExemptPods]: "true" });

const rbac = "rbac.authorization.k8s.io";
const keeperRole: KubeObject = {
  apiVersion: `${rbac}/v1`,
  kind: "ClusterRole",
  metadata: { name: "test-namespace-keeper" },
  rules: [
    {
      apiGroups: [""],
      resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
      verbs: ["create", "get", "update", "patch", "delete"],
    },
  ],
};

function boundTo(role: KubeObject, ...users: readonly string[]): KubeObject {
  return {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: `test-${role.metadata.name}` },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: role.metadata.name },
    subjects: users.map((name) => ({ apiGroup: rbac, kind: "User", name })),
  };
}
const bindings = [boundTo(keeperRole, "editor", "exempter"), boundTo(exemptRole, "exempter")];

function withAnnotations(object: KubeObject, more: Readonly<Record<string, string>>): KubeObject {
  const { annotations: given } = object.metadata as { readonly annotations?: object };
  return { ...object, metadata: { ...object.metadata, annotations: { ...given, ...more } } };
}

type Texts = Readonly<Record<string, string | null>>;

function change(
  connection: KubeConnection,
  object: KubeObject,
  metadata: { readonly annotations?: Texts; readonly labels?: Texts },
  subresource = "",
): Promise<KubeResponse> {
  return connection.send({
    method: "PATCH",
    path: `${objectPath(object)}${subresource}`,
    query: { dryRun: "All" },
    contentType: "application/merge-patch+json",
    body: { metadata },
  });
}

const allowing = { annotations: { [annotations.allowExemptPods]: "true" } };

beforeAll(async () => {
  await applyAll(admin, [osmNamespaceObject(defaults), exemptRole, keeperRole, ...bindings]);
  await applyAll(admin, [shop, plain, outside, allowed, exemptNamespacesPolicy(defaults), exemptNamespacesBinding()]);
  await eventually("roles and policy are in force", async () => {
    const [theirs, exempted] = await Promise.all([change(keeper, shop, allowing), change(exempter, shop, allowing)]);
    return theirs.status === 403 && messageOf(theirs).includes("lacks verb") && exempted.status === 200;
  });
});

afterAll(async () => {
  for (const binding of bindings) await remove(admin, binding);
});

describe("to allow exempt pods", () => {
  test.each([
    ["a member", shop],
    ["no member yet", outside],
  ] as const)("in %s needs the verb", async (_, object) => {
    const refused = await change(keeper, object, allowing);
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain(
      `editor lacks verb exempt on egressrollouts.egress.openservicemesh.io osm-config in osm-system (ClusterRole osm-exempt), needed for annotation ${annotations.allowExemptPods} on a namespace`,
    );
    expect((await change(exempter, object, allowing)).status).toBe(200);
  });

  test.each(["/status", "/finalize"])("by %s too", async (subresource) => {
    const path = `${objectPath(shop)}${subresource}`;
    const found = JSON.parse((await admin.send({ method: "GET", path: objectPath(shop) })).text) as KubeObject;
    const body = withAnnotations(found, allowing.annotations);
    const put = (connection: KubeConnection) =>
      connection.send({ method: "PUT", path, query: { dryRun: "All" }, body });
    const refused = await put(keeper);
    expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining("editor lacks verb exempt")]);
    expect((await put(exempter)).status).toBe(200);
  });

  test("in a namespace that is made so", async () => {
    const made = withAnnotations(namespace("en-new"), allowing.annotations);
    expect((await create(keeper, made, true)).status).toBe(403);
    expect((await create(exempter, made, true)).status).toBe(201);
  });

  test("no longer needs nothing, nor does leaving it as it is", async () => {
    expect((await change(keeper, allowed, { annotations: { [annotations.allowExemptPods]: null } })).status).toBe(200);
    expect((await change(keeper, allowed, { annotations: { [annotations.allowExemptPods]: "false" } })).status).toBe(
      200,
    );
    expect((await change(keeper, allowed, { labels: { team: "a" } })).status).toBe(200);
  });

  test.each(["True", "yes", "1"])("%j says nothing, whoever says it", async (value) => {
    const refused = await change(admin, shop, { annotations: { [annotations.allowExemptPods]: value } });
    expect(refused.status).toBe(422);
    expect(messageOf(refused)).toContain("must be true or false");
  });
});

describe("a namespace whose pods are injected", () => {
  test.each<[string, Parameters<typeof change>[2]]>([
    ["disabled", { annotations: { [annotations.injection]: "disabled" } }],
    ["disabled by another spelling", { annotations: { [annotations.injection]: "NO" } }],
    ["without its annotation", { annotations: { [annotations.injection]: null } }],
    ["with an empty one", { annotations: { [annotations.injection]: "" } }],
    ["without its label", { labels: { [labels.monitoredBy]: null } }],
    ["in another mesh", { labels: { [labels.monitoredBy]: "other" } }],
    [
      "removed from the mesh",
      { labels: { [labels.monitoredBy]: null }, annotations: { [annotations.injection]: null } },
    ],
  ])("%s: needs the verb", async (_, metadata) => {
    const refused = await change(keeper, shop, metadata);
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain("editor lacks verb exempt on egressrollouts");
    expect(messageOf(refused)).toContain("without which namespace en-shop stays in the mesh");
    expect((await change(exempter, shop, metadata)).status).toBe(200);
  });

  test("is otherwise its keeper's", async () => {
    const other = { labels: { team: "a" }, annotations: { note: "b", [annotations.injection]: "yes" } };
    expect((await change(keeper, shop, other)).status).toBe(200);
    const doomed = namespace("en-doomed", "enabled");
    await applyAll(admin, [doomed]);
    expect((await remove(keeper, doomed)).status).toBe(200);
  });
});

describe("nobody needs the verb", () => {
  test.each<[string, KubeObject, Parameters<typeof change>[2]]>([
    ["to say no where nobody is injected", plain, { annotations: { [annotations.injection]: "disabled" } }],
    ["to leave with pods that are not injected", plain, { labels: { [labels.monitoredBy]: null } }],
    ["to have pods injected", plain, { annotations: { [annotations.injection]: "enabled" } }],
    [
      "to join",
      outside,
      { labels: { [labels.monitoredBy]: "osm" }, annotations: { [annotations.injection]: "enabled" } },
    ],
    ["outside the mesh", outside, { annotations: { [annotations.injection]: "disabled" } }],
  ])("%s", async (_, object, metadata) => {
    expect((await change(keeper, object, metadata)).status).toBe(200);
  });

  test.each([
    ["without anything", { apiVersion: "v1", kind: "Namespace", metadata: { name: "en-made" } }],
    ["in the mesh", namespace("en-made", "enabled")],
    ["in the mesh, not injected", namespace("en-made", "disabled")],
  ])("to make a namespace %s", async (_, object) => {
    expect((await create(keeper, object, true)).status).toBe(201);
  });
});
