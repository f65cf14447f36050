import { beforeAll, describe, expect, test } from "vitest";
import { osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { osmConfigBinding, osmConfigPolicy } from "#deploy/policies/osm-config.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { booleanSpellings } from "#lib/mesh/boolean.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, mergePatch, messageOf, remove } from "./api.ts";

const admin = connectAs("admin");

function osmConfig(data: object | undefined, rest: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "osm-config", namespace: "osm-system", ...rest },
    ...(data === undefined ? {} : { data }),
  };
}

beforeAll(async () => {
  await applyAll(admin, [osmNamespaceObject(defaults), osmConfigPolicy(defaults), osmConfigBinding()]);
  await eventually(
    "the policy is in force",
    async () => (await create(admin, osmConfig({ egress: "x" }), true)).status === 422,
  );
  await remove(admin, osmConfig({}));
  expect((await create(admin, osmConfig({ egress: "false" }))).status).toBe(201);
});

describe("egress takes Go's twelve booleans", () => {
  test.each(booleanSpellings)("%j is accepted", async (spelling) => {
    const patched = await mergePatch(admin, osmConfig({}), { data: { egress: spelling } });
    expect(patched.status).toBe(200);
  });

  test.each(["", " true", "true ", "yes", "on", "tRUE", "ture", "2", "null", "TRUE\n", "x".repeat(10_000)])(
    "%j is denied, with the accepted spellings",
    async (bad) => {
      const patched = await mergePatch(admin, osmConfig({}), { data: { egress: bad } });
      expect(patched.status).toBe(422);
      const message = messageOf(patched);
      expect(message).toContain("egress: must be a boolean, got ");
      expect(message).toContain("accepted: 1 t T TRUE true True 0 f F FALSE false False");
      expect(message).toContain(JSON.stringify(bad.length > 64 ? `${bad.slice(0, 64)}…` : bad));
      expect(message.length).toBeLessThan(500);
    },
  );

  test.each([
    ["the key removed", { data: { egress: null } }],
    ["no data", { data: null }],
    ["the value moved to binaryData", { data: { egress: null }, binaryData: { egress: "dHJ1ZQ==" } }],
  ])("%s: denied", async (_what, patch) => {
    const patched = await mergePatch(admin, osmConfig({}), patch);
    expect(patched.status).toBe(422);
    expect(messageOf(patched)).toContain("egress: is missing; set it to one of 1 t T");
  });
});

describe("creation is judged like a change", () => {
  test.each([
    ["a good value", { egress: "T" }, 201],
    ["a bad value", { egress: "ture" }, 422],
    ["no egress", { other: "x" }, 422],
    ["no data", undefined, 422],
  ])("%s", async (_what, data, status) => {
    await remove(admin, osmConfig({}));
    const created = await create(admin, osmConfig(data), true);
    expect((await create(admin, osmConfig({ egress: "false" }))).status).toBe(201);
    expect(created.status).toBe(status);
  });
});

describe("permissive_traffic_policy_mode", () => {
  test.each([
    ["1", 200],
    ["False", 200],
    [null, 200],
    ["on", 422],
    ["", 422],
  ])("%j gives %i", async (value, status) => {
    const patched = await mergePatch(admin, osmConfig({}), { data: { permissive_traffic_policy_mode: value } });
    expect(patched.status).toBe(status);
  });
});

describe("the rest is the owner's", () => {
  test("labels, annotations and other keys are free", async () => {
    const patched = await mergePatch(admin, osmConfig({}), {
      metadata: { labels: { "app.kubernetes.io/managed-by": "flux" }, annotations: { note: "egress: maybe" } },
      data: { enable_debug_server: "ture" },
    });
    expect(patched.status).toBe(200);
  });

  test("other ConfigMaps, and osm-config of another namespace, are not looked at", async () => {
    const elsewhere = { ...osmConfig({ egress: "ture" }), metadata: { name: "osm-config", namespace: "default" } };
    const other = { ...osmConfig({ egress: "ture" }), metadata: { name: "other", namespace: "osm-system" } };
    expect((await create(admin, elsewhere, true)).status).toBe(201);
    expect((await create(admin, other, true)).status).toBe(201);
  });

  test("it can be deleted", async () => {
    expect((await remove(admin, osmConfig({}))).status).toBe(200);
    expect((await create(admin, osmConfig({ egress: "false" }))).status).toBe(201);
  });
});
