import { afterAll, beforeAll, expect, test } from "vitest";
import { manifests } from "#deploy/manifests.ts";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { waitServed } from "#lib/cli/install-checks.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, create, messageOf } from "../api.ts";
import { namespace, pod, serviceAccount } from "../pods.ts";
import { type OwnServer, startOwnServer } from "./own-server.ts";

const shop = "shop";
const other = "other";
const early = "failed to find resource referenced by paramKind";

let server: OwnServer;
let admin: KubeConnection;

beforeAll(async () => {
  server = await startOwnServer();
  admin = server.connect();
  await applyAll(
    admin,
    [shop, other].flatMap((name) => [namespace(name, undefined, false), serviceAccount(name)]),
  );
  await applyAll(admin, [namespace(other, "enabled")]);
});
afterAll(() => server?.stop());

// As when a GitOps tool applies the policies first: the API server looks for the parameter's kind, and again after 30 s.
test("osm namespace add waits until an API server that has missed the parameter's kind has found it", async () => {
  const { namespace: meshNamespace, definitions, access, objects, policies, bindings } = manifests(defaults);
  await applyAll(admin, [...policies, ...bindings]);
  const tried = () => create(admin, pod(other), true);
  await eventually("the kind is missed", async () => messageOf(await tried()).includes(early));

  // Faster than by the command: the time until it looks again has begun with the server.
  await applyAll(admin, [meshNamespace, ...definitions, ...access]);
  await waitServed(admin, definitions);
  await applyAll(admin, [...objects, osmConfig(defaults)]);
  expect(messageOf(await tried())).toContain(early);

  const { said, complained, exitCode } = await server.osm("namespace", "add", shop);
  expect([complained, exitCode]).toEqual(["", 0]);
  expect(said).not.toContain("could not be tried");
  const made = await create(admin, pod(shop), true);
  expect(made.status).toBe(201);
  expect(made.text).toContain(sidecar.container);
}, 90_000);
