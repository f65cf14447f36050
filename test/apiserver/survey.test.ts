import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { guards } from "#deploy/guards.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { clusterPorts } from "#lib/kube/cluster-ports.ts";
import { collectionPath, objectPath } from "#lib/kube/kinds.ts";
import { expectOk, type KubeObject } from "#lib/kube/objects.ts";
import { annotations, meshPlace } from "#lib/mesh/names.ts";
import type { Finding } from "#lib/rollout/drift/finding.ts";
import { objectName } from "#lib/rollout/drift/guard-object.ts";
import { surveyFindings } from "#lib/rollout/drift/survey-findings.ts";
import { isFull, runSeed } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create, mergePatch, remove } from "./api.ts";
import { install } from "./installation.ts";
import { namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const reconciler = connectAs("reconciler");
const shop = "sv-shop";
const { always, strict, forwarder } = guards(meshPlace);
const bus = { eventBusName: "bus", clusterName: "shop", region: "eu-central-1" };
const deployment: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "osm-forwarder", namespace: "osm-system" },
};

/** What a drift pass would find, with the reconciler's own rights. Other files of the run leave pods behind. */
async function findings(): Promise<readonly Finding[]> {
  const ports = clusterPorts(reconciler, meshPlace, randomUUID(), { loadGuards: async () => ({ guards }) });
  const found = surveyFindings(await ports.survey());
  return found.filter(({ object }) => !object.startsWith("Pod ") || object.startsWith(`Pod ${shop}/`));
}

const summary = (found: readonly Finding[]) => found.map(({ object, field }) => `${object} ${field}`.trim());

function guard(kind: string, name: string): KubeObject {
  const found = [...always, ...strict, ...forwarder].find((one) => one.kind === kind && one.metadata.name === name);
  if (!found) throw new Error(`no guard ${kind} ${name}`);
  return found;
}

interface Operation {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

async function edit(object: KubeObject, ...operations: readonly Operation[]): Promise<void> {
  await expectOk(admin, {
    method: "PATCH",
    path: objectPath(object),
    query: { fieldManager: "kubectl-edit" },
    contentType: "application/json-patch+json",
    body: operations,
  });
}

async function removeWholly(object: KubeObject): Promise<void> {
  await remove(admin, object);
  // A CustomResourceDefinition takes its objects along first.
  await eventually(`${objectName(object)} is gone`, async () => {
    return (await admin.send({ method: "GET", path: objectPath(object) })).status === 404;
  });
}

/** Also the proof that what a finding tells to run repairs it. */
async function repaired(flags: Parameters<typeof install>[0] = {}): Promise<void> {
  await install(flags);
  await eventually("nothing is found any more", async () => (await findings()).length === 0, {
    tell: async () => JSON.stringify(await findings()),
  });
}

beforeAll(async () => {
  await remove(admin, deployment);
  await install({ imageRegistry: "", strict: false });
  await applyAll(admin, [namespace(shop, "enabled"), serviceAccount(shop)]);
  await eventually("the roles are in force", async () => {
    const path = objectPath(guard("ClusterRole", "osm-reconciler"));
    return (await reconciler.send({ method: "GET", path })).status === 200;
  });
});

describe("as it was installed nothing is found", () => {
  test("with nothing but what is always there", async () => {
    expect(await findings()).toEqual([]);
  });

  test("with strict mode and a forwarder", async () => {
    await install({ strict: true, ...bus });
    expect(await findings()).toEqual([]);
    await remove(admin, deployment);
    await install({ strict: false });
    expect(await findings()).toEqual([]);
  });

  test("with another registry", async () => {
    await install({ imageRegistry: "registry.example.com/team" });
    expect(await findings()).toEqual([]);
    await install({ imageRegistry: "" });
  });
});

const weak = { name: "weak", expression: "false" };
const edits: readonly (readonly [kind: string, name: string, operation: Operation, field: string])[] = [
  [
    "ValidatingAdmissionPolicy",
    "osm-config",
    { op: "add", path: "/spec/matchConditions", value: [weak] },
    "spec.matchConditions",
  ],
  [
    "ValidatingAdmissionPolicy",
    "osm-reconciler",
    { op: "add", path: "/spec/matchConditions/-", value: weak },
    "spec.matchConditions[1]",
  ],
  [
    "ValidatingAdmissionPolicy",
    "osm-reconciler",
    { op: "replace", path: "/spec/validations/0/expression", value: "true" },
    "spec.validations[0].expression",
  ],
  ["ValidatingAdmissionPolicy", "osm-config", { op: "remove", path: "/spec/validations/1" }, "spec.validations[1]"],
  [
    "ValidatingAdmissionPolicy",
    "osm-sidecar-injection",
    { op: "replace", path: "/spec/failurePolicy", value: "Ignore" },
    "spec.failurePolicy",
  ],
  [
    "ValidatingAdmissionPolicy",
    "osm-sidecar-injection",
    {
      op: "add",
      path: "/spec/matchConstraints/namespaceSelector",
      value: { matchLabels: { "kubernetes.io/metadata.name": "nowhere" } },
    },
    "spec.matchConstraints.namespaceSelector",
  ],
  [
    "ValidatingAdmissionPolicyBinding",
    "osm-config",
    { op: "replace", path: "/spec/validationActions", value: ["Audit"] },
    "spec.validationActions[0]",
  ],
  [
    "ValidatingAdmissionPolicyBinding",
    "osm-reconciler",
    { op: "add", path: "/spec/matchResources", value: { objectSelector: { matchLabels: { a: "b" } } } },
    "spec.matchResources",
  ],
  [
    "MutatingAdmissionPolicy",
    "osm-sidecar-injection",
    { op: "add", path: "/spec/matchConditions", value: [weak] },
    "spec.matchConditions",
  ],
  [
    "MutatingAdmissionPolicy",
    "osm-sidecar-injection",
    { op: "replace", path: "/spec/reinvocationPolicy", value: "Never" },
    "spec.reinvocationPolicy",
  ],
  [
    "MutatingAdmissionPolicyBinding",
    "osm-sidecar-injection",
    { op: "replace", path: "/spec/paramRef/parameterNotFoundAction", value: "Allow" },
    "spec.paramRef.parameterNotFoundAction",
  ],
  [
    "MutatingAdmissionPolicyBinding",
    "osm-sidecar-injection",
    { op: "add", path: "/spec/matchResources/excludeResourceRules", value: [excluded()] },
    "spec.matchResources.excludeResourceRules",
  ],
  [
    "ClusterRoleBinding",
    "osm-reconciler",
    { op: "add", path: "/subjects/-", value: { kind: "User", name: "eve", apiGroup: "rbac.authorization.k8s.io" } },
    "subjects[1]",
  ],
  [
    "ClusterRole",
    "osm-reconciler",
    { op: "add", path: "/rules/0", value: { apiGroups: [""], resources: ["secrets"], verbs: ["get"] } },
    "rules[0]",
  ],
  [
    "ClusterRole",
    "osm-reconciler",
    { op: "add", path: "/aggregationRule", value: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] } },
    "aggregationRule",
  ],
  [
    "ClusterRole",
    "osm-reconciler",
    { op: "add", path: "/metadata/labels", value: { "rbac.authorization.k8s.io/aggregate-to-edit": "true" } },
    'metadata.labels["rbac.authorization.k8s.io/aggregate-to-edit"]',
  ],
  ["Role", "osm-reconciler", { op: "add", path: "/rules/0/verbs/-", value: "update" }, "rules[0].verbs[1]"],
  [
    "CustomResourceDefinition",
    "egressrollouts.egress.openservicemesh.io",
    {
      op: "remove",
      path: "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/phase",
    },
    "spec.versions[0].schema.openAPIV3Schema.properties.status.properties.phase",
  ],
  [
    "CustomResourceDefinition",
    "egressrollouts.egress.openservicemesh.io",
    { op: "remove", path: "/spec/versions/0/subresources" },
    "spec.versions[0].subresources",
  ],
  [
    "CustomResourceDefinition",
    "meshinjections.egress.openservicemesh.io",
    {
      op: "replace",
      path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/images/properties/sidecar/default",
      value: "evil:1",
    },
    "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.images.properties.sidecar.default",
  ],
];

function excluded() {
  return { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" };
}

describe("a guard that somebody changes is found, with who it was, and an installation repairs it", () => {
  afterEach(() => repaired());

  // Each takes a look at the whole cluster.
  const some = isFull ? edits : edits.filter((_, at) => at % 3 === runSeed % 3);
  test.each(some)("%s %s: %j", async (kind, name, operation, field) => {
    const object = guard(kind, name);
    await edit(object, operation);
    const found = await findings();
    expect(summary(found)).toEqual([`${objectName(object)} ${field}`]);
    expect(found[0]).toMatchObject({ by: "kubectl-edit", repair: "osm install" });
    expect(found[0]?.wanted).not.toBe(found[0]?.found);
    expect(Date.now() - Date.parse(found[0]?.since.before ?? "")).toBeLessThan(60_000);
  });
});

describe("what is gone is found, and an installation makes it again", () => {
  afterEach(() => repaired());

  // The reconciler's own rights are further down: without them it cannot look.
  const others = always.filter(({ kind, metadata }) => !(/Role/.test(kind) && metadata.name === "osm-reconciler"));

  test.each(others.map((object) => [objectName(object), object] as const))("%s", async (name, object) => {
    await removeWholly(object);
    const found = await findings();
    expect(found.map((one) => [one.object, one.found, one.repair])).toEqual([[name, "nothing", "osm install"]]);
  });

  const everywhere = "ClusterRole osm-exempt, ClusterRole osm-forwarder, ClusterRole osm-reconciler and 24 more";
  const inNamespace = [
    "Deployment osm-system/osm-forwarder",
    "Lease osm-system/osm-forwarder",
    "MeshInjection osm-system/osm-config and 4 more",
  ].join(", ");

  test.each([
    ["ClusterRole", everywhere],
    ["ClusterRoleBinding", everywhere],
    ["Role", inNamespace],
    ["RoleBinding", inNamespace],
  ])("the reconciler's own %s: what it cannot look at any more", async (kind, object) => {
    await removeWholly(guard(kind, "osm-reconciler"));
    await eventually("it is refused", async () => summary(await findings()).includes(object), {
      tell: async () => JSON.stringify(await findings()),
    });
    const found = await findings();
    expect(found).toMatchObject([{ object, field: "", repair: "osm install" }]);
    expect(found[0]?.found).toContain("could not be looked at: [api-forbidden]");
  });
});

describe("what is there only where it was asked for", () => {
  test("strict mode: its binding is gone, its policy changed", async () => {
    const [policy, binding] = strict as [KubeObject, KubeObject];
    await install({ strict: true });
    await removeWholly(binding);
    await edit(policy, { op: "add", path: "/spec/matchConditions", value: [weak] });
    const found = await findings();
    expect(summary(found)).toEqual([
      "ValidatingAdmissionPolicy osm-strict spec.matchConditions",
      "ValidatingAdmissionPolicyBinding osm-strict",
    ]);
    expect(found.map(({ repair }) => repair)).toEqual(["osm install --strict", "osm install --strict"]);
    await repaired({ strict: true });
    await install({ strict: false });
  });

  test("the forwarder: a right is gone, another has grown", async () => {
    await install(bus);
    await removeWholly(guard("ClusterRoleBinding", "osm-forwarder"));
    const rule = { apiGroups: [""], resources: ["secrets"], verbs: ["get"] };
    await edit(guard("Role", "osm-forwarder"), { op: "add", path: "/rules/-", value: rule });
    expect(summary(await findings())).toEqual([
      "ClusterRoleBinding osm-forwarder",
      "Role osm-system/osm-forwarder rules[2]",
    ]);
    // Without flags: an installation keeps the bus.
    await repaired();
    await remove(admin, deployment);
  });

  test("a binding that was made anew with another role", async () => {
    const binding = guard("ClusterRoleBinding", "osm-forwarder");
    await install(bus);
    await removeWholly(binding);
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
    expect((await create(admin, { ...binding, roleRef })).status).toBe(201);
    expect(summary(await findings())).toEqual(["ClusterRoleBinding osm-forwarder roleRef.name"]);
    await repaired();
    await remove(admin, deployment);
  });
});

describe("images", () => {
  const injection = meshInjection(defaults);

  test("a MeshInjection with another one is found, and who it was", async () => {
    await edit(injection, { op: "replace", path: "/spec/images/sidecar", value: "evil:1" });
    const found = await findings();
    expect(found).toMatchObject([
      {
        object: "MeshInjection osm-system/osm-config",
        field: "spec.images.sidecar",
        wanted: defaults.images.sidecar,
        found: "evil:1",
        by: "kubectl-edit",
        repair: "osm install --image-registry ''",
      },
    ]);
    await repaired({ imageRegistry: "" });
  });

  test("pods without a sidecar and with an old one, and no others", async () => {
    const named = (name: string, spec: object = {}, notes: Readonly<Record<string, string>> = {}): KubeObject => ({
      ...pod(shop, spec, notes),
      metadata: { name, namespace: shop, annotations: notes },
    });
    const put = async (object: KubeObject) => expect((await create(admin, object)).status).toBe(201);
    await eventually("pods are injected", async () => {
      return (await create(admin, named("try"), true)).text.includes(defaults.images.sidecar);
    });
    await put(named("injected"));
    await put(named("unwilling", {}, { [annotations.injection]: "disabled" }));
    await put(named("host", { hostNetwork: true }));
    expect(await findings()).toEqual([]);
    await mergePatch(admin, named("unwilling"), { metadata: { annotations: { [annotations.injection]: null } } });
    await install({ imageRegistry: "elsewhere" });
    const found = await findings();
    expect(found.map(({ object, wanted, found: has, repair }) => [object, wanted, has, repair])).toEqual([
      [
        "Pod sv-shop/injected",
        `elsewhere/${defaults.images.sidecar}`,
        defaults.images.sidecar,
        "osm restart --outdated",
      ],
      ["Pod sv-shop/unwilling", "sidecar envoy", "nothing", "osm restart --outdated"],
    ]);
    const createdText = bodyOf<{ readonly metadata: { readonly creationTimestamp: string } }>(
      await admin.send({ method: "GET", path: objectPath(named("injected")) }),
    ).metadata.creationTimestamp;
    expect(found.map(({ since }) => Date.parse(since.after ?? ""))).toEqual([
      Date.parse(createdText),
      expect.any(Number),
    ]);
    await install({ imageRegistry: "" });
    for (const name of ["injected", "unwilling", "host"]) await remove(admin, named(name));
  });
});

describe("the reconciler can change nothing of it", () => {
  const lease: KubeObject = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "osm-forwarder", namespace: "osm-system" },
  };
  const all = [...always, ...strict, ...forwarder, deployment, lease];

  test.each(all.map((object) => [objectName(object), object] as const))("%s", async (_name, object) => {
    const path = objectPath(object);
    const collection = collectionPath(object);
    const patch = { contentType: "application/merge-patch+json", body: { metadata: { labels: { a: "b" } } } };
    const attempts = await Promise.all([
      reconciler.send({ method: "PATCH", path, ...patch }),
      reconciler.send({ method: "PUT", path, body: object }),
      reconciler.send({ method: "DELETE", path }),
      reconciler.send({ method: "GET", path: collection }),
      reconciler.send({ method: "DELETE", path: collection }),
    ]);
    expect(attempts.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
  });

  test("nor make one of its own", async () => {
    const kinds = new Map(all.filter(({ kind }) => kind !== "Lease").map((object) => [object.kind, object]));
    for (const object of kinds.values()) {
      const mine = { ...object, metadata: { ...object.metadata, name: "osm-reconciler-2" } };
      expect([object.kind, (await create(reconciler, mine, true)).status]).toEqual([object.kind, 403]);
    }
    expect((await create(reconciler, lease, true)).status).toBe(403);
  });
});

afterAll(async () => {
  await remove(admin, namespace(shop));
});
