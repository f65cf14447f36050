import { beforeAll, describe, expect, test } from "vitest";
import { podPolicy, podPolicyBinding } from "#deploy/injection/pod-policy.ts";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create, mergePatch, messageOf } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { appContainer, namespace, pod, type StoredPod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const runs: KubeObject = { ...pod("sv-on"), metadata: { name: "runs", namespace: "sv-on" } };

/** A container with a mount of this volume. */
function mounting(name: string, volume: string): object {
  return { name, image: "app:1", volumeMounts: [{ name: volume, mountPath: "/there" }] };
}

beforeAll(async () => {
  await serveMeshInjection(admin, defaults);
  await applyAll(admin, [
    meshInjection(defaults),
    podPolicy(),
    injectionPolicy(),
    podPolicyBinding(defaults),
    injectionBinding(defaults),
    namespace("sv-on", "enabled"),
    serviceAccount("sv-on"),
  ]);
  const intruder = pod("sv-on", { containers: [mounting("app", "osm-sidecar-run")] });
  await eventually("the policies are in force", async () => {
    const refused = await create(admin, intruder, true);
    const injected = await create(admin, pod("sv-on"), true);
    return refused.status === 403 && injected.status === 201 && injected.text.includes('"name":"envoy"');
  });
  expect((await create(admin, runs)).status).toBe(201);
});

describe("the sidecar's volumes are the sidecar's", () => {
  test.each([
    ["the admin socket, by an app container", { containers: [mounting("app", "osm-sidecar-run")] }, "app"],
    ["the configuration, by an app container", { containers: [mounting("app", "osm-sidecar-config")] }, "app"],
    ["by an init container", { initContainers: [mounting("early", "osm-sidecar-run")] }, "early"],
    [
      "by one of several",
      { containers: [appContainer, mounting("second", "osm-sidecar-run"), mounting("third", "osm-sidecar-config")] },
      "second, third",
    ],
  ])("%s: refused", async (_what, spec, named) => {
    const refused = await create(admin, pod("sv-on", spec), true);
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toContain(`container ${named}: must not mount osm-sidecar-config or osm-sidecar-run`);
  });

  test("a pod that runs may be changed as before", async () => {
    expect((await mergePatch(admin, runs, { metadata: { annotations: { note: "1" } } })).status).toBe(200);
  });

  test("a copy of a live pod, whose own containers mount its own volumes, is admitted", async () => {
    const own = { volumes: [{ name: "mine", emptyDir: {} }], containers: [mounting("app", "mine")] };
    const live = await create(admin, pod("sv-on", own), true);
    expect(live.status).toBe(201);
    const copy = { ...pod("sv-on"), spec: bodyOf<StoredPod>(live).spec };
    expect((await create(admin, copy, true)).status).toBe(201);
  });
});
