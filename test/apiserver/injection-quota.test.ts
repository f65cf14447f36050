import { beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "#lib/kube/objects.ts";
import { eventually } from "#test/eventually.ts";
import { connectAs } from "./api.ts";
import { admit, admitInjected, manifest, type Pair, prepare } from "./both-ways.ts";

const admin = connectAs("admin");
const roomy: Pair = { member: "iq-roomy", bare: "iq-roomy-bare" };
const tight: Pair = { member: "iq-tight", bare: "iq-tight-bare" };

const limited = manifest({
  containers: [
    { name: "app", image: "app:1", resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m" } } },
  ],
});
const unlimited = manifest({ containers: [{ name: "app", image: "app:1" }] });

/** No controller counts what is there on a bare API server. */
async function quota(namespace: string, hard: Readonly<Record<string, string>>): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
  const object: KubeObject = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "quota", namespace },
    spec: { hard },
  };
  expect((await admin.send({ method: "POST", path, body: object })).status).toBe(201);
  const used = Object.fromEntries(Object.keys(hard).map((resource) => [resource, "0"]));
  const status = await admin.send({
    method: "PATCH",
    path: `${path}/quota/status`,
    contentType: "application/merge-patch+json",
    body: { status: { hard, used } },
  });
  expect(status.status).toBe(200);
}

beforeAll(async () => {
  await prepare([roomy, tight], () => []);
  const room = { "limits.cpu": "2", "limits.memory": "2Gi", "requests.cpu": "1", "requests.memory": "2Gi", pods: "1" };
  for (const name of [roomy.member, roomy.bare]) await quota(name, room);
  for (const name of [tight.member, tight.bare]) await quota(name, { "limits.cpu": "1", "limits.memory": "1Gi" });
  for (const name of [roomy.member, roomy.bare, tight.member, tight.bare]) {
    await eventually(`the quota in ${name} counts`, () => refused(name, unlimited, "must specify limits.cpu"));
  }
});

async function refused(namespace: string, pod: object, why: string): Promise<boolean> {
  return admit(namespace, pod).then(
    () => false,
    (error: unknown) => String(error).includes(why),
  );
}

describe("where a ResourceQuota asks for limits", () => {
  test("a pod that has them is taken, with its sidecar, either way", async () => {
    const byPolicy = await admit(roomy.member, limited);
    expect(byPolicy.spec.initContainers?.map(({ name }) => name)).toEqual(["osm-init", "envoy"]);
    expect(await admitInjected(roomy, limited)).toEqual(byPolicy);
  });

  test("the sidecar counts: what it makes too much is refused in the quota's words", async () => {
    expect((await admit(tight.bare, limited)).spec.containers.length).toBe(1);
    await expect(admit(tight.member, limited)).rejects.toThrow("exceeded quota: quota, requested: limits.cpu=1500m");
  });

  test("a pod without them is refused as it is without a mesh", async () => {
    await expect(admit(roomy.bare, unlimited)).rejects.toThrow("must specify limits.cpu");
    await expect(admit(roomy.member, unlimited)).rejects.toThrow("must specify limits.cpu");
  });
});
