import { beforeAll, describe, expect, test } from "vitest";
import { podPolicy, podPolicyBinding } from "#deploy/injection/pod-policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, sidecar } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, messageOf } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
/** Namespaces outside the mesh, where nothing injects, with the policy of a cluster that injects, and of one that does not. */
const lost = "bs-lost";
const without = "bs-without";

/** The policy and its binding under the namespace's name, for that namespace alone. */
function judging(name: string, injects: boolean): readonly KubeObject[] {
  const binding = podPolicyBinding(defaults) as KubeObject & { readonly spec: object };
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": name } };
  return [
    { ...podPolicy({ injects }), metadata: { name } },
    {
      ...binding,
      metadata: { name },
      spec: { ...binding.spec, policyName: name, matchResources: { namespaceSelector } },
    },
  ];
}

function tried(where: string, spec: object = {}, more: Readonly<Record<string, string>> = {}) {
  return create(admin, pod(where, spec, more), true);
}

beforeAll(async () => {
  await serveMeshInjection(admin, defaults);
  await applyAll(admin, [
    meshInjection(defaults),
    ...[lost, without].flatMap((name) => [namespace(name, "enabled", false), serviceAccount(name)]),
    ...judging(lost, true),
    ...judging(without, false),
  ]);
  const misspelt = { [annotations.injection]: "neither" };
  await eventually("the policies are in force", async () => {
    const refused = await Promise.all([lost, without].map((name) => tried(name, {}, misspelt)));
    const admitted = await tried(without);
    return refused.every(({ status }) => status === 422) && admitted.status === 201;
  });
});

const capture = { name: sidecar.captureContainer, image: "i:1" };
const envoy = { name: sidecar.container, image: "i:1", restartPolicy: "Always" };
const own = { name: "own", image: "i:1" };

describe("where injection is lost", () => {
  test.each<[what: string, initContainers: readonly object[]]>([
    ["without any", []],
    ["with its own alone", [own]],
    ["with the capture alone", [capture]],
    ["with the sidecar alone", [envoy]],
    ["with one of its own in front", [own, capture, envoy]],
    ["with one of its own between", [capture, own, envoy]],
    ["with the sidecar in front", [envoy, capture]],
    ["with a sidecar that only runs once", [capture, { name: sidecar.container, image: "i:1" }]],
  ])("a pod %s is refused", async (_, initContainers) => {
    const refused = await tried(lost, { initContainers });
    expect([refused.status, messageOf(refused)]).toEqual([
      403,
      expect.stringContaining("the pod has not got its sidecar, or not first"),
    ]);
  });

  test.each<[what: string, spec: object, more: Readonly<Record<string, string>>]>([
    ["that has it", { initContainers: [capture, envoy, own] }, {}],
    ["that is not to have it", {}, { [annotations.injection]: "disabled" }],
    ["that cannot have it", { hostNetwork: true }, {}],
  ])("a pod %s is admitted", async (_, spec, more) => {
    expect((await tried(lost, spec, more)).status).toBe(201);
  });
});

test("where the API server could not inject, a pod without a sidecar is admitted", async () => {
  expect((await tried(without)).status).toBe(201);
});
