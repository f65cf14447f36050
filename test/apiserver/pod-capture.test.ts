import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { injectedContainers } from "#deploy/injection/containers.ts";
import { podPolicy, podPolicyBinding } from "#deploy/injection/pod-policy.ts";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { annotations } from "#lib/mesh/names.ts";
import { podCapture } from "#lib/mesh/pod-capture.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create, mergePatch, messageOf, remove } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { namespace, pod, type StoredPod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const parameter = meshInjection(defaults);
const { excludedRanges: ranges, excludedPorts: ports, allowUdp: udp } = annotations;

type Texts = Readonly<Record<string, string>>;

function created(given: Texts, spec: object = {}, where = "pc-on") {
  return create(admin, pod(where, spec, given), true);
}

/** Arguments of the capture, as the API server stores them. */
async function captureArgs(given: Texts): Promise<readonly string[] | undefined> {
  const response = await created(given);
  expect([response.status, response.status === 201 ? "" : messageOf(response)]).toEqual([201, ""]);
  return bodyOf<StoredPod>(response).spec.initContainers?.[0]?.args;
}

beforeAll(async () => {
  await serveMeshInjection(admin, defaults);
  await applyAll(admin, [
    parameter,
    podPolicy(),
    injectionPolicy(),
    podPolicyBinding(defaults),
    injectionBinding(defaults),
    namespace("pc-on", "enabled"),
    namespace("pc-off", "disabled"),
    serviceAccount("pc-on"),
    serviceAccount("pc-off"),
  ]);
  const spec = {
    excludedRanges: ["172.16.0.0/12", "10.96.3.3/32"],
    excludedPorts: [5432],
    serviceRanges: ["10.96.0.0/16", "10.200.0.0/24"],
    systemServices: ["10.96.0.1/32", "10.96.0.10/32"],
  };
  expect((await mergePatch(admin, parameter, { spec })).status).toBe(200);
  await eventually("the policies read the parameter", async () => {
    const plain = await created({});
    const refused = await created({ [ranges]: "10.96.0.0/16" });
    return plain.text.includes("172.16.0.0/12") && refused.status === 422;
  });
});

// Other files find the parameter as it was.
afterAll(async () => {
  await remove(admin, parameter);
  await applyAll(admin, [parameter]);
});

describe("a pod's own exclusions", () => {
  test.each<[Texts, readonly string[]]>([
    [{}, ["172.16.0.0/12,10.96.3.3/32", "5432", "false"]],
    [{ [ranges]: "", [ports]: " ", [udp]: "" }, ["172.16.0.0/12,10.96.3.3/32", "5432", "false"]],
    [{ [ranges]: "192.0.2.0/24" }, ["172.16.0.0/12,10.96.3.3/32,192.0.2.0/24", "5432", "false"]],
    [
      { [ranges]: " 192.0.2.1/32 ,\t198.51.100.9/8 " },
      ["172.16.0.0/12,10.96.3.3/32,192.0.2.1/32,198.51.100.9/8", "5432", "false"],
    ],
    [{ [ports]: "6379, 9092" }, ["172.16.0.0/12,10.96.3.3/32", "5432,6379,9092", "false"]],
    [{ [udp]: "true" }, ["172.16.0.0/12,10.96.3.3/32", "5432", "true"]],
    [{ [udp]: "T" }, ["172.16.0.0/12,10.96.3.3/32", "5432", "true"]],
    [{ [udp]: "0" }, ["172.16.0.0/12,10.96.3.3/32", "5432", "false"]],
  ])("%j", async (given, args) => {
    expect(await captureArgs(given)).toEqual(args);
  });

  test("are rendered by policy and by plain values alike", async () => {
    const given = { [ranges]: "192.0.2.1/24,192.0.2.1/24", [ports]: "9092,6379", [udp]: "1" };
    const own = podCapture(given);
    if ("problems" in own) throw new Error(own.problems.join());
    const [capture] = injectedContainers({
      image: "",
      logLevel: "",
      excludedRanges: ["172.16.0.0/12", "10.96.3.3/32", ...own.excludedRanges].join(","),
      excludedPorts: [5432, ...own.excludedPorts].join(","),
      allowUdp: own.allowUdp ? "true" : "false",
      resources: {},
      configName: "",
    }) as [{ readonly args: readonly string[] }];
    expect(await captureArgs(given)).toEqual(capture.args);
  });
});

const many = (count: number, item: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => item(at)).join(",");

describe("API server and the parser of plain values agree", () => {
  test.each<[string, string]>([
    [ranges, "1.2.3.4/0"],
    [ranges, "255.255.255.255/32"],
    [ranges, many(64, (at) => `192.0.${at}.0/24`)],
    [ports, "1,65535"],
    [ports, many(64, (at) => String(at + 1))],
    [udp, "TRUE"],
    [udp, "f"],
  ])("%s %j is taken", async (key, value) => {
    // Whatever the Service range says to it, which only the API server knows.
    const response = await created({ [key]: value });
    expect(response.status === 201 || messageOf(response).includes("Service range")).toBe(true);
    expect(podCapture({ [key]: value })).not.toHaveProperty("problems");
  });

  test.each<[string, string]>([
    [ranges, "10.0.0.0"],
    [ranges, "10.0.0.0/33"],
    [ranges, "10.0.0.0/08"],
    [ranges, "010.0.0.0/8"],
    [ranges, "10.0.0.256/32"],
    [ranges, "10.0.0/8"],
    [ranges, "::/0"],
    [ranges, "::ffff:10.0.0.0/104"],
    [ranges, "10.0.0.0/8;11.0.0.0/8"],
    [ranges, "10.0.0.0/8,"],
    [ranges, ","],
    [ranges, "$(id)"],
    [ranges, "`id`"],
    [ranges, "192.0.2.0/24\n-j ACCEPT"],
    [ranges, "192.0.2.0/24 -j ACCEPT"],
    [ranges, many(65, (at) => `192.0.${at}.0/24`)],
    [ranges, `192.0.2.0/24${" ".repeat(1_280)}`],
    [ports, "0"],
    [ports, "080"],
    [ports, "65536"],
    [ports, "99999"],
    [ports, "-1"],
    [ports, "http"],
    [ports, "80-90"],
    [ports, "80 443"],
    [ports, "80,,443"],
    [ports, many(65, (at) => String(at + 1))],
    [udp, "yes"],
    [udp, " true"],
    [udp, "tRUE"],
  ])("%s %j is refused, in the same words", async (key, value) => {
    const refused = await created({ [key]: value });
    const own = podCapture({ [key]: value });
    expect(refused.status).toBe(422);
    expect(own).toHaveProperty("problems");
    expect(messageOf(refused)).toContain("problems" in own ? own.problems[0] : "");
  });

  test("a pod that gets no sidecar has nothing to be excluded from", async () => {
    const given = { [ranges]: "x", [ports]: "y", [udp]: "z" };
    expect((await created(given, {}, "pc-off")).status).toBe(201);
    expect((await created(given, { hostNetwork: true })).status).toBe(201);
  });
});

describe("the Service range", () => {
  test.each([
    "10.96.0.0/16",
    "10.96.7.0/24",
    "10.96.7.9/32",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "10.200.0.255/32",
    "192.0.2.0/24, 10.96.7.9/32",
    // Another address than the system's, though its range is written with that.
    "10.96.0.1/31",
  ])("%s is in it, and refused", async (value) => {
    const refused = await created({ [ranges]: value });
    expect(refused.status).toBe(422);
    expect(messageOf(refused)).toContain(
      `annotation ${ranges}: ${value.split(", ").at(-1)} is in the cluster's Service range 10.96.0.0/16, 10.200.0.0/24: in-mesh traffic would get past the sidecar. Of Services only the system's may be excluded, by address: 10.96.0.1/32, 10.96.0.10/32`,
    );
  });

  test.each(["10.95.255.255/32", "10.97.0.0/16", "10.200.1.0/24", "10.96.0.1/32,10.96.0.10/32", "10.96.3.3/32"])(
    "%s is outside it, or the system's, or excluded for all anyway",
    async (value) => expect((await created({ [ranges]: value })).status).toBe(201),
  );
});
