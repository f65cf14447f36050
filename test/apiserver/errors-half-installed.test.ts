import { afterEach, beforeAll, expect, test } from "vitest";
import { egressRolloutDefinition } from "#deploy/crds/egress-rollout.ts";
import { injectionBinding } from "#deploy/injection/policy.ts";
import { manifests } from "#deploy/manifests.ts";
import { egressRollout, meshInjection, osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { sidecarGuardBinding } from "#deploy/policies/sidecar-guard.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { type KubeObject, read } from "#lib/kube/objects.ts";
import { leaseName } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { failureOf } from "#test/osm-run.ts";
import { applyAll, connectAs, kubeconfigOf, remove } from "./api.ts";
import { install } from "./installation.ts";
import { osmSaid } from "./osm-said.ts";
import { namespace, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const shop = "eh-shop";
const half = "the mesh in namespace osm-system is only half installed; missing: ";
const installAgain = "run: osm install, which puts back what is missing and leaves values as they are";

beforeAll(async () => {
  await install({ enableEgress: false });
  await applyAll(admin, [namespace(shop, undefined, false), serviceAccount(shop)]);
});
afterEach(async () => {
  await install({ enableEgress: false });
});

async function lose(...objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    await remove(admin, object);
    const path = objectPath(object);
    await eventually(`${path} is gone`, async () => (await read(admin, path)) === undefined, { withinMs: 20_000 });
  }
}

type Row = readonly [string, readonly KubeObject[], readonly string[], string];

const [, injectionDefinition] = manifests(defaults).definitions as readonly [KubeObject, KubeObject];
const rolloutBinding = manifests(defaults).access.find(({ kind }) => kind === "ClusterRoleBinding") as KubeObject;

const rows: readonly Row[] = [
  ["its EgressRollout", [egressRollout(defaults)], ["egress", "status"], `${half}EgressRollout osm-system/osm-config`],
  ["its EgressRollout", [egressRollout(defaults)], ["egress", "enable"], `${half}EgressRollout osm-system/osm-config`],
  [
    "the definition of EgressRollout",
    [egressRolloutDefinition],
    ["egress", "status", "-o", "json"],
    `${half}CustomResourceDefinition egressrollouts.egress.openservicemesh.io, EgressRollout osm-system/osm-config`,
  ],
  [
    "the definition of EgressRollout",
    [egressRolloutDefinition],
    ["namespace", "add", shop],
    `${half}CustomResourceDefinition egressrollouts.egress.openservicemesh.io, EgressRollout osm-system/osm-config`,
  ],
  [
    "the definition of MeshInjection",
    [injectionDefinition],
    ["restart", "--outdated", "-o", "json"],
    `${half}CustomResourceDefinition meshinjections.egress.openservicemesh.io, MeshInjection osm-system/osm-config`,
  ],
  [
    "its MeshInjection",
    [meshInjection(defaults)],
    ["namespace", "add", shop],
    `${half}MeshInjection osm-system/osm-config`,
  ],
  [
    "its MeshInjection",
    [meshInjection(defaults)],
    ["restart", "--outdated"],
    `${half}MeshInjection osm-system/osm-config`,
  ],
  [
    "the injection's binding",
    [injectionBinding(defaults)],
    ["namespace", "add", shop],
    `${half}MutatingAdmissionPolicyBinding osm-sidecar-injection`,
  ],
  [
    "a guard's binding",
    [sidecarGuardBinding(defaults)],
    ["namespace", "add", shop],
    `${half}ValidatingAdmissionPolicyBinding osm-sidecar-guard`,
  ],
  [
    "the definition of EgressRollout",
    [egressRolloutDefinition],
    ["reconcile"],
    `${half}CustomResourceDefinition egressrollouts.egress.openservicemesh.io`,
  ],
];
test.each(rows)("without %s (%#): osm says what is missing", async (_, lost, args, what) => {
  await lose(...lost);
  const said = await osmSaid(kubeconfigOf("admin"), ...args);
  expect([said.exitCode, said.stdout]).toEqual([1, ""]);
  const failure = failureOf(said);
  expect(failure.what).toContain(what);
  expect(failure.remedy).toBe(installAgain);
});

test("egress enable without an EgressRollout changes nothing", async () => {
  await lose(egressRollout(defaults));
  await osmSaid(kubeconfigOf("admin"), "egress", "enable");
  const config = await read<{ readonly data: object }>(admin, objectPath(osmConfig(defaults)));
  expect(config?.data).toMatchObject({ egress: "false" });
});

test("egress enable without osm-config: how it is made anew", async () => {
  await lose(osmConfig(defaults));
  const said = await osmSaid(kubeconfigOf("admin"), "egress", "enable");
  expect(said.exitCode).toBe(1);
  expect(failureOf(said)).toEqual({
    what: "ConfigMap osm-system/osm-config is not there; the mesh keeps what it ran last",
    remedy: "make it anew with the value that you want: osm install --enable-egress=BOOL",
  });
});

const lease: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: leaseName, namespace: "osm-system" },
};

test("the reconcilers' role is not bound: said as that, not as a right to ask for", async () => {
  await lose(rolloutBinding);
  // A pass before this one that failed may hold it, for 20 s.
  await remove(admin, lease);
  let last = { what: "", remedy: "" };
  const isSaid = async () => {
    last = failureOf(await osmSaid(kubeconfigOf("admin"), "reconcile"));
    return last.what.startsWith("group osm:reconcilers, as which osm reconcile writes, may not ");
  };
  await eventually("the right is gone", isSaid, { withinMs: 40_000, tell: () => JSON.stringify(last) });
  expect(last.remedy).toBe("osm install puts them back");
});

test("commands that need no mesh work without one", async () => {
  await lose(egressRollout(defaults), meshInjection(defaults));
  expect(await osmSaid(kubeconfigOf("admin"), "namespace", "list", "none")).toMatchObject({
    exitCode: 0,
    stdout: "No namespaces in any mesh\n",
    stderr: "",
  });
});

test("a mesh in another namespace than the one that is named", async () => {
  const said = await osmSaid(kubeconfigOf("admin"), "egress", "status", "--osm-namespace", "eh-elsewhere");
  expect(failureOf(said)).toEqual({
    what: "mesh osm of this cluster is in namespace osm-system, not in eh-elsewhere",
    remedy: "give --osm-namespace osm-system",
  });
});
