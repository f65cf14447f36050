import { Agent } from "undici";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { connectionTo, http1 } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { maxFencing } from "#lib/mesh/fencing.ts";
import { annotations, leaseName } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create, messageOf, remove } from "./api.ts";
import { install } from "./installation.ts";
import { impossible, pod as podName, possible, shop } from "./leaked-token.ts";
import { namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const leaked = connectAs("reconciler");

const written: KubeObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "osm-sidecar.default", namespace: shop, annotations: { [annotations.fencing]: "5" } },
  data: { "lds.json": "{}" },
};
const lease: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: leaseName, namespace: "osm-system" },
};

beforeAll(async () => {
  await install({ imageRegistry: "", strict: false });
  await applyAll(admin, [namespace(shop, "enabled"), serviceAccount(shop)]);
  await eventually("the pod is there, with its sidecar", async () => {
    const { status } = await create(admin, pod(shop));
    return status === 201 || status === 409;
  });
  await eventually("the roles are in force", async () => {
    return (await leaked.send({ method: "GET", path: "/api/v1/pods" })).status === 200;
  });
  // Another file's pass may have left it, and here it is made.
  await remove(admin, lease);
  await applyAll(leaked, [written]);
  await eventually("the policies are", async () => {
    return (
      (await leaked.send({ method: "GET", path: `/api/v1/namespaces/${shop}/pods/${podName}:1/proxy/` })).status === 403
    );
  });
});
afterAll(async () => {
  await remove(leaked, written);
  await remove(admin, lease);
});

/** The rollout's status is replaced whole. */
async function current(path: string, change: unknown): Promise<object> {
  const object = bodyOf<object>(await admin.send({ method: "GET", path: path.replace(/\/status$/, "") }));
  return { ...object, ...(change as object) };
}

describe("with a reconciler's token one can", () => {
  test.each(possible)("$use", async ({ request, more = [] }) => {
    for (const one of [request, ...more]) {
      const body = one.method === "PUT" ? await current(one.path, one.body) : one.body;
      const { status, text } = await leaked.send({ ...one, body });
      expect([status, text]).toEqual([expect.toSatisfy((code) => code === 200 || code === 201), expect.anything()]);
    }
  });
});

describe("with a reconciler's token one cannot", () => {
  test.each(impossible)("$use", async ({ request, more = [], says }) => {
    for (const one of [request, ...more]) {
      const refused = await leaked.send(one);
      expect([one.path, refused.status, messageOf(refused)]).toEqual([one.path, 403, expect.stringContaining(says)]);
    }
  });

  test.each([
    ["user", { "impersonate-user": "admin" }],
    ["group", { "impersonate-user": "osm-egress-function", "impersonate-group": "system:masters" }],
  ])("act for another %s", async (_what, headers) => {
    const { url, caData, tokens } = inject("apiServer");
    const dispatcher = new Agent({ ...http1, connect: { ca: Buffer.from(caData, "base64").toString("utf8") } });
    const authorization = `Bearer ${tokens["reconciler"]}`;
    const acting = connectionTo(url, async () => ({ headers: { authorization, ...headers }, dispatcher }));
    const refused = await acting.send({ method: "GET", path: "/api/v1/secrets" });
    await dispatcher.close();
    expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining("cannot impersonate")]);
  });
});

/** What docs/security.md tells to do after a leak, if somebody has raised the fencing number beyond what a pass can. */
test("a fencing number that nobody can go above is got rid of by deleting what bears it", async () => {
  const numbered = (fencing: string) => ({
    ...written,
    metadata: { ...written.metadata, annotations: { [annotations.fencing]: fencing } },
  });
  const apply = (object: KubeObject) =>
    leaked.send({
      method: "PATCH",
      path: objectPath(object),
      query: { fieldManager: "osm-reconciler", force: true },
      contentType: "application/apply-patch+yaml",
      body: object,
    });
  expect((await apply(numbered(String(maxFencing)))).status).toBe(200);
  expect(messageOf(await apply(numbered(String(maxFencing + 1))))).toContain("overtaken");
  expect((await remove(leaked, written)).status).toBe(200);
  expect((await apply(numbered("6"))).status).toBe(201);
});
