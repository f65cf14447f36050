import { beforeAll, expect, test } from "vitest";
import { removalOf } from "#lib/cli/namespace-remove.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { labels, sidecar } from "#lib/mesh/names.ts";
import { applyAll, bodyOf, connectAs, create, mergePatch } from "./api.ts";
import { namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const shop = "nr-shop";
const other = "nr-other";

const injected = pod(shop, {
  initContainers: [
    { name: sidecar.captureContainer, image: "sidecar:1" },
    { name: sidecar.container, image: "sidecar:1", restartPolicy: "Always" },
  ],
  volumes: [{ name: sidecar.volume, configMap: { name: "osm-sidecar.default" } }],
});
const plain = { ...pod(shop), metadata: { name: "plain", namespace: shop } };

beforeAll(async () => {
  // Other files may have left injection in force: the pods come before the membership.
  await applyAll(admin, [namespace(shop, undefined, false), serviceAccount(shop), namespace(other, undefined, false)]);
  for (const one of [injected, plain]) expect((await create(admin, one)).status).toBe(201);
  await applyAll(admin, [namespace(shop, "enabled")]);
});

async function remove(...namespaces: readonly string[]) {
  const removal = removalOf(admin, "osm", namespaces);
  for (const step of removal.steps) await step.run(() => undefined);
  return removal.kept;
}

test.each([
  ["one that is in no mesh", [shop, other], "is in no mesh"],
  ["one that does not exist", [shop, "nr-nowhere"], "does not exist"],
])("%s is refused, and the others are left as they are", async (_, namespaces, message) => {
  await expect(remove(...namespaces)).rejects.toThrow(message);
  expect((await found()).metadata["labels"]).toHaveProperty(["openservicemesh.io/monitored-by"], "osm");
});

test("another mesh's is refused by name", async () => {
  await mergePatch(admin, namespace(other), { metadata: { labels: { "openservicemesh.io/monitored-by": "mine" } } });
  await expect(remove(other)).rejects.toThrow("belongs to mesh mine, not osm");
});

test("label and annotation go, who keeps a sidecar is named, and a label keeps it guarded until it is gone", async () => {
  await mergePatch(admin, namespace(shop), { metadata: { labels: { kept: "yes" }, annotations: { kept: "yes" } } });
  const marked = { kept: "yes", "kubernetes.io/metadata.name": shop, [labels.leftMesh]: "osm" };
  for (const _ of ["first", "again, too early"]) {
    expect(await remove(shop)).toEqual([`${shop}/subject`]);
    const { metadata } = await found();
    expect(metadata["labels"]).toEqual(marked);
    expect(metadata["annotations"]).toEqual({ kept: "yes" });
  }
  await admin.send({ method: "DELETE", path: objectPath(injected), body: { gracePeriodSeconds: 0 } });
  expect(await remove(shop)).toEqual([]);
  expect((await found()).metadata["labels"]).toEqual({ kept: "yes", "kubernetes.io/metadata.name": shop });
  await expect(remove(shop)).rejects.toThrow("is in no mesh");
});

test("that of another mesh is not its business", async () => {
  const leaving = { metadata: { labels: { [labels.monitoredBy]: null, [labels.leftMesh]: "mine" } } };
  await mergePatch(admin, namespace(other), leaving);
  await expect(remove(other)).rejects.toThrow("is in no mesh");
});

async function found(): Promise<KubeObject> {
  return bodyOf<KubeObject>(await admin.send({ method: "GET", path: `/api/v1/namespaces/${shop}` }));
}
