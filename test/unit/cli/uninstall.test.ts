import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { podsWithout } from "#lib/cli/uninstall/configs.ts";
import { readInventory } from "#lib/cli/uninstall/stages.ts";
import { openSidecarConfigs } from "#lib/cli/uninstall/surroundings.ts";
import { Uninstallation } from "#lib/cli/uninstall/uninstallation.ts";
import { sidecarConfig as sidecarConfigOf } from "#lib/envoy/sidecar-config.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { sidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import { objectName } from "#lib/rollout/drift/guard-object.ts";
import { injectedPod, UninstallCluster } from "./uninstall-cluster.ts";

const flux = { "kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" };

function uninstallation(cluster: UninstallCluster, flags: { force?: boolean; gitopsSuspended?: boolean } = {}) {
  const { connection } = cluster;
  const task = { place: meshPlace, connection, reconciler: connection, force: false, gitopsSuspended: false };
  return new Uninstallation({ ...task, dryRun: false, ...flags });
}

/** The first step: what is there, and whether it may begin. */
async function begin(it: Uninstallation): Promise<string | undefined> {
  const [look] = it.steps;
  return look?.run(() => undefined);
}

test("what keeps an overtaken pass out goes after the rights to write, and what bounds them too", async () => {
  const { byStage } = await readInventory(new UninstallCluster().connection, meshPlace);
  const namesOf = (stage: keyof typeof byStage) => byStage[stage].map(objectName);
  expect(Object.keys(byStage).slice(-3)).toEqual(["access", "bounds", "definitions"]);
  expect(namesOf("bounds")).toEqual([
    "ValidatingAdmissionPolicyBinding osm-reconciler",
    "ValidatingAdmissionPolicyBinding osm-sidecar-config",
    "ValidatingAdmissionPolicy osm-reconciler",
    "ValidatingAdmissionPolicy osm-sidecar-config",
  ]);
  expect(namesOf("access")).toContain("ClusterRole osm-reconciler");
});

test("whether all may be removed is tried first, all of it, and the first refusal ends it with nothing changed", async () => {
  const cluster = new UninstallCluster();
  const path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/osm-reconciler";
  cluster.refused.set(path, { status: 403, message: "no" });
  const it = uninstallation(cluster, { force: true });
  await expect(begin(it)).rejects.toThrow(`DELETE ${path}: 403 no`);
  expect(cluster.changes.filter((line) => !line.endsWith("?dryRun"))).toEqual([]);
  const { names } = await readInventory(cluster.connection, meshPlace);
  // And what passes leave: two Leases, the bytes for going back.
  expect(cluster.changes).toHaveLength(names.size + 3);
  expect(it.report).toMatchObject({ outcome: "failed", removed: [] });
});

test("what is gone meanwhile, and was never there, may be removed", async () => {
  const cluster = new UninstallCluster();
  const path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/osm-reconciler";
  cluster.refused.set(path, { status: 404, message: "not found" });
  expect(await begin(uninstallation(cluster))).toContain("mesh [osm] in namespace [osm-system]");
});

test("a dry run tries nothing", async () => {
  const cluster = new UninstallCluster();
  const { connection } = cluster;
  const task = { place: meshPlace, connection, reconciler: connection, force: false, gitopsSuspended: false };
  await begin(new Uninstallation({ ...task, dryRun: true }));
  expect(cluster.changes).toEqual([]);
});

test("a GitOps tool that has applied it is named at once", async () => {
  const cluster = new UninstallCluster();
  cluster.label("ClusterRole", flux);
  expect(await begin(uninstallation(cluster))).toContain("Kustomization flux-system/mesh will bring back");
});

test("by force it is refused then, before anything is opened, until somebody says that the tool is suspended", async () => {
  const cluster = new UninstallCluster();
  cluster.label("ClusterRole", flux);
  const it = uninstallation(cluster, { force: true });
  await expect(begin(it)).rejects.toMatchObject({
    message: expect.stringContaining("Kustomization flux-system/mesh has applied the mesh"),
    remedy: expect.stringContaining("osm uninstall --force --gitops-suspended"),
  });
  expect([cluster.changes, it.report?.outcome]).toEqual([[], "refused"]);
  expect(await begin(uninstallation(cluster, { force: true, gitopsSuspended: true }))).toContain("mesh [osm]");
});

/** The second step: who has a sidecar; and the third. */
async function takeLease(it: Uninstallation): Promise<void> {
  for (const step of it.steps.slice(0, 3)) await step.run(() => undefined);
}

describe("where the reconcilers have lost their rights", () => {
  const rights = "/apis/rbac.authorization.k8s.io/v1/namespaces/osm-system/rolebindings/osm-reconciler";
  const guard = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/osm-sidecar-config`;

  test("the guard is taken off once the Lease is had, not before, and is told as removed", async () => {
    const cluster = new UninstallCluster();
    cluster.remove(rights);
    const it = uninstallation(cluster);
    await takeLease(it);
    const changes = cluster.changes.filter((line) => !line.endsWith("?dryRun"));
    const own = (line: string) => !line.includes("/egressrollouts");
    expect(changes.filter(own)).toEqual([
      "POST /apis/coordination.k8s.io/v1/namespaces/osm-system/leases",
      `DELETE ${guard}`,
    ]);
    expect(it.report?.removed).toEqual(["ValidatingAdmissionPolicyBinding osm-sidecar-config"]);
  });

  const forbidden = (message: string) => ({ status: 403, message });
  const removing = ({ connection }: UninstallCluster) => {
    return { connection, place: meshPlace, removed: [], keepLease: async () => undefined };
  };

  test.each([
    ["a right that is missing", forbidden('configmaps is forbidden: User "x" cannot create resource "configmaps"')],
    ["a namespace that is going", forbidden('configmaps "osm-sidecar.osm-check" is forbidden: being terminated')],
  ])("%s is not waited for as if it were the guard", async (_, answer) => {
    const cluster = new UninstallCluster();
    cluster.configMapAnswer = answer;
    const startedMs = Date.now();
    await openSidecarConfigs(removing(cluster), 300);
    expect(Date.now() - startedMs).toBeLessThan(10_000);
  });

  test("the guard itself is waited for", async () => {
    const cluster = new UninstallCluster();
    cluster.configMapAnswer = forbidden(
      "ValidatingAdmissionPolicy 'osm-sidecar-config' with binding 'x' denied request",
    );
    let isDone = false;
    const opening = openSidecarConfigs(removing(cluster), 300).then(() => {
      isDone = true;
    });
    await sleep(1_500);
    expect(isDone).toBe(false);
    cluster.configMapAnswer = { status: 201, message: "" };
    await opening;
  });
});

describe("with nothing installed any more", () => {
  function cluster(settings: object | undefined): UninstallCluster {
    const it = new UninstallCluster();
    it.removeMesh();
    it.add(injectedPod("shop", "web"));
    if (settings) it.add(sidecarConfig(settings));
    return it;
  }
  const sidecarConfig = (settings: object): KubeObject => {
    const written = sidecarConfigMap(
      { account: { namespace: "shop", name: "default" }, name: "osm-sidecar.default", config, changesFiles: true },
      { egress: false, permissive: true, inMeshCidrs: [], ...settings },
      1,
      "osm",
    );
    return { ...written, metadata: { ...written.metadata, resourceVersion: "1" } };
  };
  const config = sidecarConfigOf({ egress: false, destinations: [] });

  test.each([
    ["closed", { egress: false }],
    ["without a ConfigMap", undefined],
  ])("pods that are %s: who could open them is said", async (_, settings) => {
    const it = uninstallation(cluster(settings), { force: true });
    for (const step of it.steps.slice(0, 2)) await step.run(() => undefined);
    expect(it.report?.notes).toEqual([
      "1 pods have a sidecar that still refuses what it did, and nothing is installed that could open it: osm install, then osm uninstall --force.",
    ]);
  });

  test("pods that an earlier run has opened need nothing", async () => {
    const it = uninstallation(cluster({ egress: true }), { force: true });
    for (const step of it.steps.slice(0, 2)) await step.run(() => undefined);
    expect([it.report?.notes, it.report?.workloads.length]).toEqual([[], 1]);
  });
});

test("a pod whose ConfigMap has just been removed is found", async () => {
  const cluster = new UninstallCluster();
  cluster.add(injectedPod("shop", "web"));
  const gone = new Set(["shop/osm-sidecar.default"]);
  expect(await podsWithout(cluster.connection, gone)).toEqual(["shop/web"]);
  expect(await podsWithout(cluster.connection, new Set(["shop/osm-sidecar.other"]))).toEqual([]);
});
