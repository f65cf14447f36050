import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { meshInjectionDefinition } from "#deploy/crds/mesh-injection.ts";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { manifests } from "#deploy/manifests.ts";
import { meshInjection, osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, messageOf, remove } from "./api.ts";
import { appContainer, namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const strict = manifests(defaults).strict;
const harmless = { runAsUser: 1000, capabilities: { drop: ["ALL"] } };

/** One container with this security context, beside the pod's own. */
function spec(securityContext: object, rest: object = {}): object {
  return { containers: [{ ...appContainer, securityContext }], ...rest };
}

beforeAll(async () => {
  await applyAll(admin, [osmNamespaceObject(defaults), meshInjectionDefinition(defaults)]);
  await eventually(
    "the CRD is served",
    async () => (await create(admin, meshInjection(defaults), true)).status !== 404,
  );
  await applyAll(admin, [
    meshInjection(defaults),
    injectionPolicy(),
    injectionBinding(defaults),
    namespace("st-on", "enabled"),
    serviceAccount("st-on"),
    ...strict,
  ]);
  await eventually("the policy is in force", async () => (await create(admin, pod("st-on"), true)).status === 403);
});

afterAll(async () => {
  for (const object of strict.toReversed()) await remove(admin, object);
  await eventually("the policy is gone", async () => (await create(admin, pod("st-on"), true)).status === 201);
});

describe("pods within the guarantee are admitted, with their sidecar", () => {
  test.each<[string, object]>([
    ["all dropped", spec(harmless)],
    ["the three dropped", spec({ runAsUser: 1000, capabilities: { drop: ["SETUID", "setgid", "NET_RAW"] } })],
    ["a harmless one added", spec({ runAsUser: 1000, capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } })],
    ["root without the means", spec({ ...harmless, runAsUser: 0 })],
    [
      "the user set for the whole pod",
      spec({ capabilities: { drop: ["ALL"] } }, { securityContext: { runAsUser: 1000 } }),
    ],
  ])("%s", async (_what, subject) => {
    const response = await create(admin, pod("st-on", subject), true);
    expect(response.text).toContain('"name":"envoy"');
    expect(response.status).toBe(201);
  });
});

describe("pods outside it are refused, with the reason", () => {
  const init = { initContainers: [{ name: "own", image: "own:1", securityContext: { runAsUser: 1000 } }] };
  test.each<[string, object, string]>([
    ["nothing said", {}, "container app must drop ALL, or SETUID, SETGID, NET_RAW"],
    ["one kept", spec({ runAsUser: 1, capabilities: { drop: ["SETUID", "SETGID"] } }), "container app must drop ALL"],
    [
      "NET_ADMIN added",
      spec({ runAsUser: 1, capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } }),
      "add none of SETUID",
    ],
    [
      "by another spelling",
      spec({ runAsUser: 1, capabilities: { drop: ["ALL"], add: ["cap_setuid"] } }),
      "add none of SETUID",
    ],
    ["all added", spec({ runAsUser: 1, capabilities: { drop: ["ALL"], add: ["ALL"] } }), "add none of SETUID"],
    ["privileged", spec({ ...harmless, privileged: true }), "container app must not be privileged"],
    ["Envoy's user", spec({ ...harmless, runAsUser: 1500 }), "container app must set runAsUser"],
    ["the image's user", spec({ capabilities: { drop: ["ALL"] } }), "to anything but 1500"],
    [
      "Envoy's user by the pod",
      spec({ capabilities: { drop: ["ALL"] } }, { securityContext: { runAsUser: 1500 } }),
      "1500",
    ],
    ["an init container", spec(harmless, init), "container own must drop ALL"],
    ["the host's network", spec(harmless, { hostNetwork: true }), "must not be in the host's network"],
  ])("%s", async (_what, subject, reason) => {
    const refused = await create(admin, pod("st-on", subject), true);
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain(reason);
  });
});

test("a pod that is not to be injected is not judged", async () => {
  expect((await create(admin, pod("st-on", {}, { [annotations.injection]: "disabled" }), true)).status).toBe(201);
});
