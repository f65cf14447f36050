import { describe, expect, test } from "vitest";
import { images } from "#deploy/images.ts";
import { injectedContainers, injectedVolumes } from "#deploy/injection/containers.ts";
import { allObjects } from "#deploy/manifests.ts";
import { type Bus, defaults } from "#deploy/parameters.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { registryOf } from "#lib/mesh/sidecar-image.ts";

const bus: Bus = { eventBusName: "bus", clusterName: "shop", region: "eu-central-1", credentialsSecret: "keys" };
const objects = allObjects({ ...defaults, bus, egress: false });
const position = (kind: string, name: string) =>
  objects.findIndex((object) => object.kind === kind && object.metadata.name === name);

describe("all objects", () => {
  test("each has a place of its own in the API", () => {
    const paths = objects.map(objectPath);
    expect(new Set(paths).size).toBe(paths.length);
  });

  test.each([
    ["Namespace", "osm-system", "ConfigMap", "osm-config"],
    ["CustomResourceDefinition", "meshinjections.egress.openservicemesh.io", "MeshInjection", "osm-config"],
    ["MeshInjection", "osm-config", "MutatingAdmissionPolicyBinding", "osm-sidecar-injection"],
    ["ValidatingAdmissionPolicyBinding", "osm-config", "ConfigMap", "osm-config"],
    ["ServiceAccount", "osm-forwarder", "Deployment", "osm-forwarder"],
  ])("%s %s comes before %s %s", (kind, name, laterKind, laterName) => {
    expect(position(kind, name)).toBeGreaterThanOrEqual(0);
    expect(position(laterKind, laterName)).toBeGreaterThan(position(kind, name));
  });

  test("without a bus there is no forwarder, nor any right for it", () => {
    expect(allObjects(defaults).filter((object) => object.metadata.name === "osm-forwarder")).toEqual([]);
  });

  test.each([
    [{}, undefined],
    [{ egress: true }, { egress: "true" }],
    [{ permissive: false }, { permissive_traffic_policy_mode: "false" }],
    [
      { egress: false, permissive: true },
      { egress: "false", permissive_traffic_policy_mode: "true" },
    ],
  ])("of osm-config only what was named: %j", (named, data) => {
    const config = allObjects({ ...defaults, ...named }).find((object) => object.kind === "ConfigMap");
    expect(config?.["data"]).toEqual(data);
  });

  test("no role has a wildcard", () => {
    const roles = objects.filter((object) => object.kind.endsWith("Role"));
    expect(roles.length).toBe(5);
    expect(JSON.stringify(roles)).not.toContain('"*"');
  });

  test("mesh name and namespace are in the objects, not the defaults", () => {
    const text = JSON.stringify(allObjects({ ...defaults, meshName: "second", osmNamespace: "second-system", bus }));
    expect(text).not.toContain("osm-system");
    expect(text).toContain('"openservicemesh.io/monitored-by":"second"');
  });
});

describe("injected containers with plain values", () => {
  const values = {
    image: "sidecar:1",
    logLevel: "error",
    excludedRanges: "",
    excludedPorts: "",
    allowUdp: "false" as const,
    resources: {},
    configName: "osm-sidecar.web",
  };

  test("are JSON: the same in a pipe as in the policy", () => {
    const rendered = [injectedContainers(values), injectedVolumes(values)];
    expect(JSON.parse(JSON.stringify(rendered))).toEqual(rendered);
  });

  test("the log level is an argument of its own", () => {
    const [, envoy] = injectedContainers({ ...values, logLevel: "debug" }) as [
      unknown,
      { readonly args: readonly string[] },
    ];
    expect(envoy.args[envoy.args.indexOf("--log-level") + 1]).toBe("debug");
  });

  test("only the capture has capabilities, and neither can gain more", () => {
    expect(injectedContainers(values)).toMatchObject([
      {
        name: sidecar.captureContainer,
        securityContext: {
          capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
          allowPrivilegeEscalation: false,
        },
      },
      {
        name: sidecar.container,
        securityContext: { capabilities: { drop: ["ALL"] }, allowPrivilegeEscalation: false, runAsUser: sidecar.uid },
      },
    ]);
  });
});

describe("the registry of an image", () => {
  test.each([undefined, "", "registry.example.com/team", "localhost:5000"])("%j is found again", (registry) => {
    expect(registryOf(images(registry).sidecar)).toBe(registry ?? "");
  });

  test.each([
    ["r/osm-egress/sidecar@sha256:0a", "r"],
    ["osm-egress/sidecar", undefined],
    ["my-osm-egress/sidecar:1", undefined],
    ["r/osm-egress/sidecar:1/2", undefined],
    ["mirror/sidecar:1", undefined],
  ])("%j: %j", (image, registry) => {
    expect(registryOf(image)).toBe(registry);
  });
});
