import { beforeAll, describe, expect, test } from "vitest";
import { osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { sidecarConfigBinding, sidecarConfigPolicy } from "#deploy/policies/sidecar-config.ts";
import { reconcilerAccess } from "#deploy/rbac/reconciler.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { collectionPath, objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, mergePatch, messageOf, remove } from "./api.ts";
import { namespace } from "./pods.ts";

/** In system:masters: what is refused to him is the policy's doing. */
const admin = connectAs("admin");
const reconciler = connectAs("reconciler");
/** As a leaked token that somebody has given every right of RBAC. */
const leaked = connectAs("reconcilerUnbound");

const shop = "sc-shop";
const onlyReconcilers = "only group osm:reconcilers writes what a sidecar runs";

function configMap(fencing?: string, name = "osm-sidecar.web", where = shop): KubeObject {
  const notes = fencing === undefined ? {} : { annotations: { [annotations.fencing]: fencing } };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: where, ...notes },
    data: { "lds.json": "{}" },
  };
}

function applied(connection: KubeConnection, object: KubeObject) {
  return connection.send({
    method: "PATCH",
    path: objectPath(object),
    query: { fieldManager: "osm-reconciler", force: true },
    contentType: "application/apply-patch+yaml",
    body: object,
  });
}

beforeAll(async () => {
  await applyAll(admin, [
    osmNamespaceObject(defaults),
    namespace(shop),
    ...reconcilerAccess(defaults),
    sidecarConfigPolicy(),
    sidecarConfigBinding(),
  ]);
  await eventually(
    "the policy is in force",
    async () => (await create(admin, configMap("1", "osm-sidecar.probe"), true)).status === 403,
  );
  await eventually("the roles are", async () => (await applied(reconciler, configMap("5"))).status < 300);
});

describe("whoever is no reconciler", () => {
  test("makes no sidecar's ConfigMap, by no name", async () => {
    const made = await create(admin, configMap("9", "osm-sidecar.mine"), true);
    expect(made.status).toBe(403);
    expect(messageOf(made)).toContain(onlyReconcilers);
    const { name: _, ...metadata } = configMap("9").metadata;
    const named = { ...configMap("9"), metadata: { ...metadata, generateName: "osm-sidecar.x-" } };
    const path = collectionPath(configMap("9"));
    expect((await admin.send({ method: "POST", path, query: { dryRun: "All" }, body: named })).status).toBe(403);
  });

  test.each<[what: string, patch: object]>([
    ["its files", { data: { "lds.json": '{"version_info":"x"}' } }],
    ["another key", { data: { other: "x" } }],
    ["its labels", { metadata: { labels: { "openservicemesh.io/sidecar-config": null } } }],
    ["its annotations", { metadata: { annotations: { [annotations.fencing]: "1000000" } } }],
    ["whether it is immutable", { immutable: true }],
  ])("changes nothing of one: not %s", async (_, patch) => {
    const changed = await mergePatch(admin, configMap(), patch);
    expect(changed.status).toBe(403);
    expect(messageOf(changed)).toContain(onlyReconcilers);
  });

  test("applies none by force, and deletes none", async () => {
    expect((await applied(admin, configMap("9"))).status).toBe(403);
    expect((await remove(admin, configMap())).status).toBe(403);
    const all = { method: "DELETE", path: collectionPath(configMap()), query: { dryRun: "All" } } as const;
    expect((await admin.send(all)).status).toBe(403);
  });

  test("has every other ConfigMap to himself", async () => {
    const other = configMap(undefined, "osm-sidecars");
    expect((await create(admin, other)).status).toBe(201);
    expect((await mergePatch(admin, other, { data: { a: "b" } })).status).toBe(200);
    expect((await remove(admin, other)).status).toBe(200);
  });
});

describe("a reconciler", () => {
  test.each(["5", "6", "10"])("writes with the number that is there, or a higher one: %s", async (fencing) => {
    expect((await applied(reconciler, configMap(fencing))).status).toBe(200);
  });

  test.each([
    ["a lower one", "9", "fencing number 9 is older than 10"],
    ["none", undefined, "fencing number -1 is older than 10"],
    ["a text", "high", "fencing number -1 is older than 10"],
    ["one that no Lease can have", "99999999999", "fencing number -1 is older than 10"],
    ["one that no Lease could follow", "1073741825", "fencing number -1 is older than 10"],
  ])("who has been overtaken is refused, also by force and with every right: %s", async (_, fencing, message) => {
    await applied(reconciler, configMap("10"));
    for (const connection of [reconciler, leaked]) {
      const late = await applied(connection, configMap(fencing));
      expect(late.status).toBe(403);
      expect(messageOf(late)).toContain(message);
    }
  });

  test("what is there with a number that no Lease could follow stops nobody", async () => {
    const name = "osm-sidecar.high";
    await applied(reconciler, configMap("9999999999", name));
    expect((await applied(reconciler, configMap("1", name))).status).toBe(200);
  });

  test("deletes one that nobody needs any more", async () => {
    await applied(reconciler, configMap("3", "osm-sidecar.left"));
    expect((await remove(reconciler, configMap("3", "osm-sidecar.left"))).status).toBe(200);
  });
});

test("when the namespace goes, whoever clears it up takes them with it, and nobody brings one back", async () => {
  const going = "sc-going";
  await applyAll(admin, [namespace(going)]);
  const map = configMap("1", "osm-sidecar.web", going);
  await applied(reconciler, map);
  expect((await remove(admin, map)).status).toBe(403);
  await remove(admin, namespace(going));
  await eventually("it may be deleted", async () => (await remove(admin, map)).status === 200);
});
