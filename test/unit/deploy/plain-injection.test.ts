import { describe, expect, test } from "vitest";
import {
  type ContainerDefaults,
  injectedSpec,
  injectionFaults,
  type PlainContainer,
  type PlainPodSpec,
} from "#deploy/injection/plain.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";

const injection = { images: { sidecar: "sidecar:1" } };
const unlimited: ContainerDefaults = { limits: {}, requests: {} };
const app: PlainContainer = { name: "app" };
const bare: PlainPodSpec = { containers: [app] };

const sized = (limits: object, requests?: object): PlainContainer => {
  return {
    name: "sized",
    resources: { limits, ...(requests ? { requests } : {}) } as PlainContainer["resources"] & object,
  };
};
const inject = (spec: PlainPodSpec, defaults = unlimited) => injectedSpec({ spec }, injection, defaults);

/** What both injected containers got. */
function resourcesIn(spec: PlainPodSpec, defaults = unlimited): unknown {
  const [capture, envoy] = inject(spec, defaults).initContainers ?? [];
  expect(envoy?.resources).toEqual(capture?.resources);
  return envoy?.resources;
}

describe("resources follow the pod", () => {
  const full = { cpu: "500m", memory: "256Mi" };
  const small = { cpu: "50m", memory: "96Mi" };
  const guaranteed = { limits: full, requests: full };
  const cpuLimited = { limits: full, requests: small };
  const other = { limits: { memory: "256Mi" }, requests: small };

  test.each<[string, PlainPodSpec, object]>([
    ["nothing said", { containers: [app] }, other],
    ["limits alone are requests too", { containers: [sized({ cpu: "1", memory: "1Gi" })] }, guaranteed],
    [
      "equal amounts in other words",
      { containers: [sized({ cpu: 1, memory: "1Gi" }, { cpu: "1000m", memory: 1_073_741_824 })] },
      guaranteed,
    ],
    ["a smaller request", { containers: [sized({ cpu: "1", memory: "1Gi" }, { cpu: "1m" })] }, cpuLimited],
    ["no memory limit", { containers: [sized({ cpu: "1" })] }, cpuLimited],
    ["no CPU limit", { containers: [sized({ memory: "1Gi" })] }, other],
    ["one container without", { containers: [sized({ cpu: "1", memory: "1Gi" }), app] }, other],
    ["one init container without", { containers: [sized({ cpu: "1", memory: "1Gi" })], initContainers: [app] }, other],
    ["a limit of null is none", { containers: [sized({ cpu: null, memory: "1Gi" })] }, other],
    ["a budget of the pod's own", { containers: [app], resources: { limits: { cpu: "1" } } }, {}],
    ["an empty budget is one", { containers: [app], resources: {} }, {}],
    ["none is none", { containers: [app], resources: null }, other],
  ])("%s", (_what, spec, expected) => {
    expect(resourcesIn(spec)).toEqual(expected);
  });

  test.each<[string, PlainContainer, ContainerDefaults, object]>([
    ["both", app, { limits: full, requests: full }, guaranteed],
    ["lower requests", app, { limits: full, requests: small }, cpuLimited],
    ["memory only", app, { limits: { memory: "1Gi" }, requests: { memory: "1Gi" } }, other],
    [
      "requests follow the container's own limits first",
      sized({ cpu: "1", memory: "1Gi" }),
      { limits: full, requests: small },
      guaranteed,
    ],
  ])("LimitRanges count, they come before injection: %s", (_what, container, defaults, expected) => {
    expect(resourcesIn({ containers: [container] }, defaults)).toEqual(expected);
  });
});

describe("the account's ConfigMap", () => {
  const long = "a".repeat(242);
  const configOf = (spec: object, more: object = {}) => {
    const { volumes } = injectedSpec({ spec: { ...bare, ...spec } }, { ...injection, ...more }, unlimited);
    return (volumes?.[0] as { readonly configMap?: { readonly name: string } } | undefined)?.configMap?.name;
  };

  test.each<[object, string]>([
    [{}, "osm-sidecar.default"],
    [{ serviceAccountName: "" }, "osm-sidecar.default"],
    [{ serviceAccountName: "web" }, "osm-sidecar.web"],
    [{ serviceAccount: "old" }, "osm-sidecar.old"],
    [{ serviceAccountName: "web", serviceAccount: "old" }, "osm-sidecar.web"],
    [{ serviceAccountName: long }, sidecarConfigName(long)],
  ])("%j: %s", (spec, name) => {
    expect(configOf(spec)).toBe(name);
  });

  test("a long account's is the one that the mesh says", () => {
    expect(configOf({ serviceAccountName: long }, { configNames: { [long]: "osm-sidecar.x" } })).toBe("osm-sidecar.x");
  });
});

describe("the mesh's settings", () => {
  test("what MeshInjection says is in the containers", () => {
    const mesh = {
      ...injection,
      excludedRanges: ["10.0.0.0/8", "192.0.2.1/32"],
      excludedPorts: [80, 443],
      envoyLogLevel: "debug" as const,
    };
    const [capture, envoy] = injectedSpec({ spec: bare }, mesh, unlimited).initContainers ?? [];
    expect(capture).toMatchObject({ image: "sidecar:1", args: ["10.0.0.0/8,192.0.2.1/32", "80,443", "false"] });
    expect(envoy).toMatchObject({
      image: "sidecar:1",
      args: expect.arrayContaining(["--log-level", "debug"]) as unknown,
    });
  });
});

describe("what the pod says of its own capture", () => {
  const openservicemesh = "openservicemesh.io";
  const annotations = {
    [`${openservicemesh}/outbound-ip-range-exclusion-list`]: "192.0.2.0/24, 10.1.2.3/16",
    [`${openservicemesh}/outbound-port-exclusion-list`]: "443",
    [`${openservicemesh}/allow-udp`]: "true",
  };

  test("comes after what the mesh says", () => {
    const mesh = { ...injection, excludedRanges: ["10.0.0.0/8"], excludedPorts: [80] };
    const spec = injectedSpec({ metadata: { annotations }, spec: bare }, mesh, unlimited);
    expect(spec.initContainers?.[0]).toMatchObject({ args: ["10.0.0.0/8,192.0.2.0/24,10.1.2.3/16", "80,443", "true"] });
  });

  test("is refused where the API server would refuse it", () => {
    const mesh = { ...injection, serviceRanges: ["10.1.0.0/20"] };
    const [reaching] = injectionFaults({ metadata: { annotations }, spec: bare }, mesh);
    expect(reaching?.problem).toContain("exclude 10.1.2.3/16, which is in the cluster's Service range");
    const bad = { [`${openservicemesh}/allow-udp`]: "maybe" };
    expect(injectionFaults({ metadata: { annotations: bad }, spec: bare }, mesh)[0]?.problem).toContain('got "maybe"');
  });
});

describe("what the pod brings", () => {
  const own: PlainPodSpec = { containers: [app], initContainers: [{ name: "first" }], volumes: [{ name: "scratch" }] };

  test("stays, behind ours", () => {
    const spec = inject(own);
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(["osm-init", "envoy", "first"]);
    expect(spec.volumes?.map(({ name }) => name)).toEqual(["osm-sidecar-config", "osm-sidecar-run", "scratch"]);
    expect(spec.containers).toBe(own.containers);
  });

  test("injected again, with another image: rendered anew, first again, the rest as it was", () => {
    const once = inject(own);
    const moved = { ...once, initContainers: once.initContainers?.toReversed() ?? [] };
    const again = injectedSpec({ spec: moved }, { images: { sidecar: "sidecar:2" } }, unlimited);
    expect(again).toEqual(injectedSpec({ spec: own }, { images: { sidecar: "sidecar:2" } }, unlimited));
  });

  test.each<[string, Partial<PlainPodSpec>, string, string]>([
    ["an app container", { containers: [{ name: "envoy" }] }, "containers", "has envoy, which is the name of one"],
    ["an init container", { initContainers: [{ name: "osm-init" }] }, "initContainers", "has osm-init, which"],
    ["a volume", { volumes: [{ name: "osm-sidecar-run" }] }, "volumes", "has osm-sidecar-run, which"],
    [
      "a mount",
      { containers: [{ name: "app", volumeMounts: [{ name: "osm-sidecar-config" }] }] },
      "containers",
      "has app, which mounts osm-sidecar-config, a volume of the sidecar's",
    ],
  ])("%s that the API server would refuse is found", (_what, spec, field, problem) => {
    const [fault, ...others] = injectionFaults({ spec: { containers: [app], ...spec } }, injection);
    expect(others).toEqual([]);
    expect(fault?.field).toEqual(["spec", field]);
    expect(fault?.problem).toContain(problem);
  });

  test("what an earlier injection brought is no fault", () => {
    expect(injectionFaults({ spec: inject(own) }, injection)).toEqual([]);
  });
});

describe("what would lead past the capture", () => {
  const fields = (spec: object) =>
    injectionFaults({ spec: { ...bare, ...spec } as PlainPodSpec }, injection).map(({ field }) => field.join("."));
  const host = "example.com";

  test.each<[object, string]>([
    [{ livenessProbe: { httpGet: { host } } }, "livenessProbe.httpGet.host"],
    [{ readinessProbe: { httpGet: { host: "127.0.0.1" } } }, "readinessProbe.httpGet.host"],
    [{ startupProbe: { tcpSocket: { host } } }, "startupProbe.tcpSocket.host"],
    [{ lifecycle: { postStart: { httpGet: { host } } } }, "lifecycle.postStart.httpGet.host"],
    [{ lifecycle: { preStop: { tcpSocket: { host } } } }, "lifecycle.preStop.tcpSocket.host"],
  ])("%j: refused, by its field", (handler, field) => {
    expect(fields({ containers: [app, { name: "b", ...handler }] })).toEqual([`spec.containers.1.${field}`]);
  });

  test("an init container's own is named by its place among all, behind what was injected", () => {
    const again = inject({ containers: [app], initContainers: [{ name: "own" }] });
    const initContainers = (again.initContainers ?? []).map((it) =>
      it.name === "own" ? { ...it, startupProbe: { httpGet: { host } } } : it,
    );
    expect(fields({ ...again, initContainers })).toEqual(["spec.initContainers.2.startupProbe.httpGet.host"]);
  });

  test("one of a pod that nothing was injected into, likewise", () => {
    const initContainers = [{ name: "own", lifecycle: { preStop: { httpGet: { host } } } }];
    expect(fields({ initContainers })).toEqual(["spec.initContainers.0.lifecycle.preStop.httpGet.host"]);
  });

  test.each([
    { livenessProbe: { httpGet: { host: "", port: 80 } } },
    { livenessProbe: { httpGet: { host: null } }, readinessProbe: null },
    { readinessProbe: { tcpSocket: { port: 80 } }, lifecycle: { preStop: { exec: { command: ["true"] } } } },
  ])("%j: not", (handler) => {
    expect(fields({ containers: [{ ...app, ...handler }] })).toEqual([]);
  });

  test.each<[string | undefined, string | undefined, boolean]>([
    ["ndots", "2", false],
    ["use-vc", undefined, false],
    [undefined, undefined, false],
    ["a\nnameserver 192.0.2.1", undefined, true],
    ["ndots", "2\n", true],
    ["ndots", "2 3", true],
  ])("resolver option %j %j: refused %j", (name, value, isRefused) => {
    const option = { ...(name === undefined ? {} : { name }), ...(value === undefined ? {} : { value }) };
    expect(fields({ dnsConfig: { options: [option] } })).toEqual(isRefused ? ["spec.dnsConfig.options"] : []);
  });

  test.each<[string, boolean]>([
    ["8.8.8.8", true],
    ["10.96.0.10", true],
    ["169.253.0.1", true],
    ["169.254.20.10", false],
    ["169.254.168.255", false],
    ["169.254.169.253", true],
    ["169.254.169.254", true],
    ["169.254.170.0", false],
    ["127.0.0.53", false],
    ["fd00::a", false],
    ["::1", false],
    ["::ffff:8.8.8.8", true],
    ["0:0:0:0:0:ffff:7f00:1", true],
    ["fe80::1%eth0", true],
    ["dns.example", true],
  ])("name server %s: refused %j", (server, isRefused) => {
    const faults = injectionFaults({ spec: { ...bare, dnsConfig: { nameservers: [server] } } }, injection);
    const found = faults.map(({ field, problem }) => [field.join("."), problem.includes(`has ${server}: name`)]);
    expect(found).toEqual(isRefused ? [["spec.dnsConfig.nameservers", true]] : []);
  });

  test.each([
    [{ name: "ndots", value: "5" }, false],
    [{ name: "use-vc" }, false],
    [{ name: "use-vc", value: null }, false],
    [{ name: "ndots", value: "5\nnameserver 8.8.8.8" }, true],
    [{ name: "ndots:5\nnameserver 8.8.8.8" }, true],
    [{ name: "ndots", value: "5\n" }, true],
  ])("resolver option %j: refused %j", (option, isRefused) => {
    const faults = injectionFaults({ spec: { ...bare, dnsConfig: { options: [option] } } }, injection);
    const found = faults.map(({ field, problem }) => [field.join("."), problem.includes("only letters")]);
    expect(found).toEqual(isRefused ? [["spec.dnsConfig.options", true]] : []);
  });
});
