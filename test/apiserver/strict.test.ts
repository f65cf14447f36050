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
const harmless = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** A harmless one that also adds these. */
function adding(...add: readonly string[]): object {
  return spec({ ...harmless, capabilities: { drop: ["ALL"], add } });
}

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
    ["the three dropped", spec({ ...harmless, capabilities: { drop: ["SETUID", "setgid", "NET_RAW"] } })],
    ["a harmless one added", adding("NET_BIND_SERVICE")],
    ["the same by another spelling", adding("cap_net_bind_service")],
    ["root without the means", spec({ ...harmless, runAsUser: 0 })],
    [
      "the user set for the whole pod",
      spec({ ...harmless, runAsUser: undefined }, { securityContext: { runAsUser: 1000 } }),
    ],
  ])("%s", async (_what, subject) => {
    const response = await create(admin, pod("st-on", subject), true);
    expect(response.text).toContain('"name":"envoy"');
    expect(response.status).toBe(201);
  });
});

describe("pods outside it are refused, with the reason", () => {
  const init = {
    initContainers: [{ name: "own", image: "own:1", securityContext: { ...harmless, capabilities: {} } }],
  };
  test.each<[string, object, string]>([
    ["nothing said", {}, "container app must set allowPrivilegeEscalation to false"],
    [
      "escalation allowed",
      spec({ ...harmless, allowPrivilegeEscalation: true }),
      "container app must set allowPrivilegeEscalation to false",
    ],
    [
      "escalation not ruled out",
      spec({ ...harmless, allowPrivilegeEscalation: undefined }),
      "container app must set allowPrivilegeEscalation to false",
    ],
    [
      "no capability dropped",
      spec({ ...harmless, capabilities: {} }),
      "container app must drop ALL, or SETUID, SETGID, NET_RAW",
    ],
    ["one kept", spec({ ...harmless, capabilities: { drop: ["SETUID", "SETGID"] } }), "container app must drop ALL"],
    ["NET_ADMIN added", adding("NET_ADMIN"), "add nothing but NET_BIND_SERVICE"],
    ["by another spelling", adding("cap_setuid"), "add nothing but NET_BIND_SERVICE"],
    ["a way into other processes", adding("SYS_PTRACE"), "add nothing but NET_BIND_SERVICE"],
    ["one bad beside the harmless", adding("NET_BIND_SERVICE", "SYS_ADMIN"), "add nothing but NET_BIND_SERVICE"],
    ["all added", adding("ALL"), "add nothing but NET_BIND_SERVICE"],
    [
      "privileged",
      spec({ runAsUser: 1000, capabilities: { drop: ["ALL"] }, privileged: true }),
      "container app must not be privileged",
    ],
    ["Envoy's user", spec({ ...harmless, runAsUser: 1500 }), "container app must set runAsUser"],
    ["the image's user", spec({ ...harmless, runAsUser: undefined }), "to anything but 1500"],
    [
      "Envoy's user by the pod",
      spec({ ...harmless, runAsUser: undefined }, { securityContext: { runAsUser: 1500 } }),
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

test("a Windows pod, which is never in the mesh, is not judged", async () => {
  const windows = { os: { name: "windows" } };
  expect((await create(admin, pod("st-on", windows), true)).status).toBe(201);
  expect((await create(admin, pod("st-on", { nodeSelector: { "kubernetes.io/os": "windows" } }), true)).status).toBe(
    201,
  );
});
