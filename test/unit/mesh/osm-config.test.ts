import { describe, expect, test } from "vitest";
import { defaultSettings, type MeshSettings, parseOsmConfig, type SidecarResources } from "#lib/mesh/osm-config.ts";

const last: MeshSettings = {
  permissive: true,
  outboundCidrExclusions: ["10.0.0.0/8"],
  outboundPortExclusions: [6379],
  inMeshCidrs: ["10.244.0.0/16"],
  envoyLogLevel: "debug",
  sidecarResources: { cpuRequest: "7m", memoryRequest: "7Mi", memoryLimit: "8Mi" },
};

test("a whole osm-config is read", () => {
  const data = {
    egress: "true",
    permissive_traffic_policy_mode: "t",
    outbound_ip_range_exclusion_list: "10.1.2.3/8",
    outbound_port_exclusion_list: "6379",
    in_mesh_ip_ranges: "10.244.0.0/16",
    envoy_log_level: "debug",
    sidecar_cpu_request: "7m",
    sidecar_memory_request: "7Mi",
    sidecar_memory_limit: "8Mi",
    tracing_enable: "whatever",
  };
  expect(parseOsmConfig(data)).toEqual({ egress: true, settings: last, problems: [] });
});

test("keys that are not there have their defaults, whatever ran before", () => {
  expect(parseOsmConfig({ egress: "0" }, last)).toEqual({ egress: false, settings: defaultSettings, problems: [] });
});

test.each([undefined, {}, { permissive_traffic_policy_mode: "true" }])("%j lacks the switch", (data) => {
  const { egress, problems } = parseOsmConfig(data);
  expect(egress).toBeUndefined();
  expect(problems).toEqual([
    {
      key: "egress",
      message: "egress: is missing; must be a boolean, one of 1 t T TRUE true True 0 f F FALSE false False",
    },
  ]);
});

test.each(["", " true", "tRUE", "yes", "ture"])(
  "a switch of %j is told as it stands, and the other keys count",
  (egress) => {
    const parsed = parseOsmConfig({ egress, permissive_traffic_policy_mode: "1" });
    expect(parsed.egress).toBeUndefined();
    expect(parsed.settings.permissive).toBe(true);
    expect(parsed.problems).toHaveLength(1);
    expect(parsed.problems[0]?.message).toContain(`got ${JSON.stringify(egress)}`);
  },
);

describe("a bad key keeps what ran, and no other", () => {
  test.each<readonly [string, string, keyof MeshSettings]>([
    ["permissive_traffic_policy_mode", "ture", "permissive"],
    ["outbound_ip_range_exclusion_list", "10.0.0.0", "outboundCidrExclusions"],
    ["outbound_port_exclusion_list", "0", "outboundPortExclusions"],
    ["in_mesh_ip_ranges", ",", "inMeshCidrs"],
    ["envoy_log_level", "loud", "envoyLogLevel"],
  ])("%s: %j", (key, text, field) => {
    const { egress, settings, problems } = parseOsmConfig({ egress: "true", [key]: text }, last);
    expect(egress).toBe(true);
    expect(settings).toEqual({ ...defaultSettings, [field]: last[field] });
    expect(problems.map((problem) => problem.key)).toEqual([key]);
  });

  test.each(["", "100", "0.5", "128Mi", "1.5Gi"].map((text) => [text, text !== ""] as const))(
    "memory %j",
    (text, good) => {
      const sidecar_memory_request = "0";
      const data = { egress: "1", sidecar_memory_request, sidecar_memory_limit: text };
      const { settings, problems } = parseOsmConfig(data, last);
      expect(settings.sidecarResources).toEqual({ memoryRequest: "0", memoryLimit: good ? text : "8Mi" });
      expect(problems).toHaveLength(good ? 0 : 1);
    },
  );

  test.each(["-1", "1 Gi", "1gi", "1e3", "Mi", ".5"])("memory %j is no quantity", (text) => {
    expect(parseOsmConfig({ egress: "1", sidecar_memory_limit: text }).problems).toHaveLength(1);
  });
});

describe("a memory request and its limit", () => {
  const kept = { memoryRequest: "7Mi", memoryLimit: "8Mi" };
  test.each<readonly [string, string | undefined, string | undefined, SidecarResources, string | undefined]>([
    ["equal", "9Mi", "9Mi", { memoryRequest: "9Mi", memoryLimit: "9Mi" }, undefined],
    ["above", "10Mi", "9Mi", kept, "sidecar_memory_request"],
    ["at the default limit", "256Mi", undefined, { memoryRequest: "256Mi" }, undefined],
    ["above the default limit", "512Mi", undefined, kept, "sidecar_memory_request"],
    ["the limit at the default request", undefined, "96Mi", { memoryLimit: "96Mi" }, undefined],
    ["the limit below the default request", undefined, "95Mi", kept, "sidecar_memory_limit"],
  ])("%s", (_, request, limit, resources, key) => {
    const data = {
      egress: "1",
      ...(request === undefined ? {} : { sidecar_memory_request: request }),
      ...(limit === undefined ? {} : { sidecar_memory_limit: limit }),
    };
    const { settings, problems } = parseOsmConfig(data, last);
    expect(settings.sidecarResources).toEqual(resources);
    expect(problems.map((problem) => problem.key)).toEqual(key === undefined ? [] : [key]);
  });

  test("what ran before is not kept if it did not fit either", () => {
    const broken = { ...last, sidecarResources: { memoryRequest: "512Mi", memoryLimit: "256Mi" } };
    const { settings } = parseOsmConfig({ egress: "1", sidecar_memory_request: "512Mi" }, broken);
    expect(settings.sidecarResources).toEqual({});
  });
});

test("an exclusion list that somebody cleared leaves no hole open", () => {
  const data = { egress: "1", outbound_ip_range_exclusion_list: "", outbound_port_exclusion_list: "" };
  const { settings, problems } = parseOsmConfig(data, last);
  expect(settings).toMatchObject({ outboundCidrExclusions: [], outboundPortExclusions: [] });
  expect(problems).toEqual([]);
});

test.each([
  [64, 64],
  [65, 65],
  [5_000, 65],
])("of a bad value of %i characters %i are repeated", (length, repeated) => {
  const [problem] = parseOsmConfig({ egress: "x".repeat(length) }).problems;
  expect(/got "([^"]*)"/.exec(problem?.message ?? "")?.[1]).toHaveLength(repeated);
});

test("no data at all changes nothing: every key keeps what the mesh runs", () => {
  const running = { ...defaultSettings, permissive: true, inMeshCidrs: ["10.244.0.0/16"] };
  const { egress, settings, problems } = parseOsmConfig(undefined, running);
  expect(settings).toEqual(running);
  expect(egress).toBeUndefined();
  expect(problems.map(({ key }) => key)).toEqual(["egress"]);
});

describe("exclusions and the cluster's Services", () => {
  const services = { cidrs: ["10.96.0.0/16", "10.200.0.0/24"], outside: new Set(["10.96.0.1/32"]) };
  const read = (text: string) =>
    parseOsmConfig({ egress: "1", outbound_ip_range_exclusion_list: text }, last, services);

  test.each(["10.96.0.1/32", "10.97.0.0/16,192.0.2.0/24"])("%s keeps out of them", (text) => {
    const { settings, problems } = read(text);
    expect([settings.outboundCidrExclusions.join(), problems]).toEqual([text, []]);
  });

  test.each([
    ["10.96.0.0/16", "10.96.0.0/16"],
    ["192.0.2.0/24,10.96.0.2/32", "10.96.0.2/32"],
    ["10.96.0.0/31", "10.96.0.0/31"],
    ["10.200.0.7/32", "10.200.0.7/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
  ])("%s does not, because of %s: what ran is kept, and the reason told", (text, reaching) => {
    const { egress, settings, problems } = read(text);
    expect([egress, settings.outboundCidrExclusions]).toEqual([true, last.outboundCidrExclusions]);
    expect(problems).toEqual([
      {
        key: "outbound_ip_range_exclusion_list",
        message: `outbound_ip_range_exclusion_list: must be outside the cluster's Service range 10.96.0.0/16, 10.200.0.0/24, or in-mesh traffic gets past the sidecar (a Service outside the mesh may be named, by its address as /32), got "${reaching}"`,
      },
    ]);
  });
});
