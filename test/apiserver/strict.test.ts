import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { manifests } from "#deploy/manifests.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { remedyOf } from "#lib/mesh/guarantee.ts";
import { annotations } from "#lib/mesh/names.ts";
import { type JudgedPod, outsideReasons } from "#lib/mesh/pod-guarantee.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create, messageOf, remove } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { podSpecs } from "./pod-specs.ts";
import { appContainer, namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const strict = manifests(defaults).strict;
const harmless = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const asRoot = { ...harmless, runAsUser: 0 };

/** A harmless one that also adds these. */
function adding(...add: readonly string[]): object {
  return spec({ ...harmless, capabilities: { drop: ["ALL"], add } });
}

/** One container with this security context, beside the pod's own. */
function spec(securityContext: object, rest: object = {}): object {
  return { containers: [{ ...appContainer, securityContext }], ...rest };
}

beforeAll(async () => {
  await serveMeshInjection(admin, defaults);
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
    ["an ordinary user, whose capabilities are not in effect", spec({ ...harmless, capabilities: {} })],
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
    initContainers: [{ name: "own", image: "own:1", securityContext: { ...asRoot, capabilities: {} } }],
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
      "root, no capability dropped",
      spec({ ...asRoot, capabilities: {} }),
      "container app must drop ALL capabilities, or SETUID, SETGID, NET_RAW",
    ],
    ["one kept", spec({ ...asRoot, capabilities: { drop: ["SETUID", "SETGID"] } }), "container app must drop ALL"],
    [
      "perhaps root, no capability dropped",
      spec({ ...harmless, runAsUser: undefined, capabilities: {} }),
      "container app must drop ALL",
    ],
    ["NET_ADMIN added", adding("NET_ADMIN"), "add no capability but NET_BIND_SERVICE"],
    ["by another spelling", adding("cap_setuid"), "add no capability but NET_BIND_SERVICE"],
    ["a way into other processes", adding("SYS_PTRACE"), "add no capability but NET_BIND_SERVICE"],
    ["one bad beside the harmless", adding("NET_BIND_SERVICE", "SYS_ADMIN"), "add no capability but NET_BIND_SERVICE"],
    ["all added", adding("ALL"), "add no capability but NET_BIND_SERVICE"],
    [
      "privileged",
      spec({ runAsUser: 1000, capabilities: { drop: ["ALL"] }, privileged: true }),
      "container app must set privileged to false",
    ],
    ["Envoy's user", spec({ ...harmless, runAsUser: 1500 }), "container app must set runAsUser"],
    ["the image's user", spec({ ...harmless, runAsUser: undefined }), "to anything but 1500"],
    [
      "Envoy's user by the pod",
      spec({ ...harmless, runAsUser: undefined }, { securityContext: { runAsUser: 1500 } }),
      "1500",
    ],
    ["an init container", spec(harmless, init), "container own must drop ALL"],
    ["the host's network", spec(harmless, { hostNetwork: true }), "must set hostNetwork to false"],
  ])("%s", async (_what, subject, reason) => {
    const refused = await create(admin, pod("st-on", subject), true);
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain(reason);
  });
});

test("the policy and the status agree about every pod, and about what it must change first", async () => {
  const seen = { admitted: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(podSpecs, async (subject) => {
      const [first] = outsideReasons({ spec: subject });
      const wanted = first === undefined ? "admitted" : `must ${remedyOf(first.code)}`;
      const response = await create(admin, pod("st-on", subject), true);
      const isAdmitted = response.status === 201;
      seen[isAdmitted ? "admitted" : "refused"]++;
      expect(isAdmitted ? "admitted" : messageOf(response)).toContain(wanted);
      // As it is stored, with its sidecar.
      expect(isAdmitted ? outsideReasons(bodyOf<JudgedPod>(response)) : []).toEqual([]);
    }),
  );
  expect(Math.min(seen.admitted, seen.refused)).toBeGreaterThan(20);
}, 300_000);

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
