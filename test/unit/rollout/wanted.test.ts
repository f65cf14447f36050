import { describe, expect, test } from "vitest";
import { acceptedCondition } from "#lib/rollout/conditions.ts";
import type { MeshObservation } from "#lib/rollout/observation.ts";
import { wantedMesh } from "#lib/rollout/wanted.ts";
import { configMapSeen, meshSeen } from "../../scripted/world-at-rest.ts";

const web = { namespace: "shop", name: "web" };
const osmConfig = { uid: "u", resourceVersion: "3", egressManager: undefined };
const onSettings = { egress: true, permissive: false, inMeshCidrs: ["10.0.0.0/8"] };
const target = { egress: true, digest: "d" };

describe("what the mesh is to run", () => {
  test.each<readonly [string, Partial<MeshObservation>, boolean, boolean]>([
    ["on", { osmConfig: { ...osmConfig, data: { egress: "T" } } }, true, true],
    [
      "off",
      { osmConfig: { ...osmConfig, data: { egress: "F" } }, rollout: { resourceVersion: "1", status: { target } } },
      false,
      true,
    ],
    [
      "bad: what the status says",
      { osmConfig: { ...osmConfig, data: { egress: "x" } }, rollout: { resourceVersion: "1", status: { target } } },
      true,
      false,
    ],
    [
      "bad and the status lost: what the ConfigMaps say",
      { osmConfig: { ...osmConfig, data: {} }, configMaps: [configMapSeen(web, { settings: onSettings })] },
      true,
      false,
    ],
    ["bad and nothing ever good: off", { osmConfig: { ...osmConfig, data: undefined }, configMaps: [] }, false, false],
    [
      "osm-config gone: what the status says",
      { osmConfig: undefined, rollout: { resourceVersion: "1", status: { target } } },
      true,
      false,
    ],
    [
      "osm-config and status gone: what the ConfigMaps say",
      { osmConfig: undefined, configMaps: [configMapSeen(web, { settings: onSettings })] },
      true,
      false,
    ],
    [
      "of ConfigMaps that disagree, the one written last",
      {
        osmConfig: undefined,
        configMaps: [
          configMapSeen(web, { fencing: 3 }),
          configMapSeen({ ...web, name: "db" }, { fencing: 4, settings: onSettings }),
          configMapSeen({ ...web, name: "old" }, { fencing: 9, settings: undefined }),
        ],
      },
      true,
      false,
    ],
    [
      "a ConfigMap outside the mesh, beside the mesh's own: not what it says",
      {
        osmConfig: undefined,
        configMaps: [
          configMapSeen(web),
          configMapSeen({ ...web, namespace: "mine" }, { fencing: 9, settings: onSettings }),
        ],
      },
      false,
      false,
    ],
    [
      "a ConfigMap outside the mesh, and no other: what it says",
      { osmConfig: undefined, configMaps: [configMapSeen({ ...web, namespace: "left" }, { settings: onSettings })] },
      true,
      false,
    ],
  ])("%s", (_, difference, egress, accepted) => {
    const wanted = wantedMesh(meshSeen(difference));
    expect([wanted.target.egress, wanted.running.egress, wanted.accepted]).toEqual([egress, egress, accepted]);
    expect(wanted.problems.length).toBe(accepted ? 0 : 1);
  });
});

test("osm-config gone: its other settings stand too", () => {
  const { running, injection } = wantedMesh(
    meshSeen({
      osmConfig: undefined,
      configMaps: [configMapSeen(web, { settings: onSettings })],
      injection: { excludedPorts: [22], envoyLogLevel: "debug" },
    }),
  );
  expect(running).toEqual(onSettings);
  expect(injection).toMatchObject({ excludedPorts: [22], envoyLogLevel: "debug" });
});

test("a key taken out falls back to its default in MeshInjection", () => {
  const { injection } = wantedMesh(meshSeen({ injection: { excludedPorts: [22], envoyLogLevel: "debug" } }));
  expect(injection).toMatchObject({ excludedPorts: [], envoyLogLevel: "error" });
});

test.each([
  ["500m", "500m"],
  ["0.5", "500m"],
  ["501m", "501m"],
  ["2", "2"],
])("a CPU request of %s has a limit of %s", (sidecar_cpu_request, cpuLimit) => {
  const { injection } = wantedMesh(
    meshSeen({ osmConfig: { ...osmConfig, data: { egress: "1", sidecar_cpu_request } } }),
  );
  expect(injection.sidecarResources).toMatchObject({ cpuRequest: sidecar_cpu_request, cpuLimit });
});

test("what the sidecar asks for, key by key", () => {
  const data = {
    egress: "1",
    sidecar_cpu_request: "70m",
    sidecar_memory_request: "77Mi",
    sidecar_memory_limit: "111Mi",
  };
  const { injection } = wantedMesh(meshSeen({ osmConfig: { ...osmConfig, data } }));
  expect(injection.sidecarResources).toEqual({
    cpuRequest: "70m",
    cpuLimit: "500m",
    memoryRequest: "77Mi",
    memoryLimit: "111Mi",
  });
});

test("accounts come from mesh namespaces, from ConfigMaps and from pods", () => {
  const seen = meshSeen({ configMaps: [configMapSeen({ namespace: "left", name: "api" })] });
  expect([...wantedMesh(seen, [{ namespace: "gone", name: "job" }]).configs.keys()]).toEqual([
    "shop/web",
    "left/api",
    "gone/job",
  ]);
});

test("accounts do not change the target's digest; the switch does", () => {
  const digest = (difference: Partial<MeshObservation>) => wantedMesh(meshSeen(difference)).target.digest;
  expect(digest({ accounts: [] })).toBe(digest({ accounts: [web, { ...web, name: "db" }] }));
  expect(digest({ osmConfig: { ...osmConfig, data: { egress: "1" } } })).not.toBe(
    digest({ osmConfig: { ...osmConfig, data: { egress: "0" } } }),
  );
});

test("names of long accounts go to the injection policy, each once", () => {
  const long = "a".repeat(242);
  const accounts = [
    { namespace: "x", name: long },
    { namespace: "y", name: long },
    web,
    { ...web, name: "b".repeat(241) },
  ];
  expect(Object.keys(wantedMesh(meshSeen({ accounts })).injection.configNames ?? {})).toEqual([long]);
});

describe("where the cluster's Services are", () => {
  const excluding = (list: string) => ({
    osmConfig: { ...osmConfig, data: { egress: "1", outbound_ip_range_exclusion_list: list } },
  });
  const outside = [
    { namespace: "default", name: "kubernetes", cidr: "10.96.0.1/32" },
    { namespace: "kube-system", name: "kube-dns", cidr: "10.96.0.10/32" },
    { namespace: "kube-system", name: "twin", cidr: "10.96.0.10/32" },
    { namespace: "default", name: "web", cidr: "10.96.0.20/32" },
  ];
  const serviceRange = { cidrs: ["10.96.0.0/16"], outside };

  test("goes to the injection policy, with those that pods may exclude", () => {
    expect(wantedMesh(meshSeen({ serviceRange })).injection).toMatchObject({
      serviceRanges: ["10.96.0.0/16"],
      systemServices: ["10.96.0.1/32", "10.96.0.10/32"],
    });
  });

  test("keeps out exclusions, but for addresses outside the mesh", () => {
    const wanted = (list: string) => wantedMesh(meshSeen({ ...excluding(list), serviceRange }));
    expect(wanted("10.96.0.20/32,192.0.2.0/24")).toMatchObject({
      problems: [],
      injection: { excludedRanges: ["10.96.0.20/32", "192.0.2.0/24"] },
    });
    expect(wanted("10.96.0.21/32,192.0.2.0/24")).toMatchObject({
      accepted: true,
      problems: [{ key: "outbound_ip_range_exclusion_list" }],
      injection: { excludedRanges: [] },
    });
  });

  test("what ran is kept, but for what was never looked at", () => {
    const seen = meshSeen({
      ...excluding("10.0.0.0/8"),
      serviceRange,
      injection: { excludedRanges: ["10.0.0.0/9", "192.0.2.0/24"] },
    });
    expect(wantedMesh(seen).injection.excludedRanges).toEqual(["192.0.2.0/24"]);
  });

  test("not known any more, is what it was", () => {
    const injection = { serviceRanges: ["10.96.0.0/16"], systemServices: ["10.96.0.1/32"] };
    const why = "nobody may look";
    const wanted = wantedMesh(meshSeen({ ...excluding("10.96.0.0/24"), injection, serviceRange: { why, outside } }));
    expect(wanted.problems).toHaveLength(1);
    expect(wanted.injection).toMatchObject({ serviceRanges: ["10.96.0.0/16"] });
    expect(wantedMesh(meshSeen({ injection })).injection).toMatchObject(injection);
  });

  test("never known, exclusions stand as they are, and Accepted says why", () => {
    const seen = meshSeen({ ...excluding("10.96.0.0/24"), serviceRange: { why: "no such objects", outside } });
    const wanted = wantedMesh(seen);
    expect(wanted.injection).toMatchObject({ excludedRanges: ["10.96.0.0/24"], serviceRanges: [] });
    expect(acceptedCondition(wanted)).toMatchObject({
      status: "True",
      reason: "Accepted",
      message:
        "egress is on; not checked: whether outbound_ip_range_exclusion_list keeps out of the Service range: no such objects",
    });
    expect(wantedMesh({ ...seen, ...excluding("") }).unchecked).toBeUndefined();
  });
});
