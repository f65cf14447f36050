import { beforeAll, describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, create, messageOf } from "./api.ts";
import { install } from "./installation.ts";
import { appContainer, namespace, pod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const shop = "de-shop";
const host = "198.51.100.1";

beforeAll(async () => {
  await install({ imageRegistry: "", strict: false });
  await applyAll(admin, [namespace(shop, "enabled"), serviceAccount(shop)]);
  await eventually("the policies are in force", async () => {
    const injected = await create(admin, pod(shop), true);
    return (
      injected.text.includes('"name":"envoy"') &&
      (await tried(container({ livenessProbe: { httpGet: { host, port: 80 } } }))).status === 403
    );
  });
});

function tried(spec: object, more: Readonly<Record<string, string>> = {}) {
  return create(admin, pod(shop, spec, more), true);
}

function container(more: object): object {
  return { containers: [{ ...appContainer, ...more }] };
}

const httpGet = { httpGet: { host, port: 80 } };
const tcpSocket = { tcpSocket: { host, port: 80 } };

describe("what the kubelet would ask of another host, past the capture", () => {
  test.each<[what: string, spec: object]>([
    ["a liveness probe", container({ livenessProbe: httpGet })],
    ["a readiness probe", container({ readinessProbe: httpGet })],
    ["a startup probe", container({ startupProbe: httpGet })],
    ["a probe by TCP", container({ readinessProbe: tcpSocket })],
    ["what it does after the start", container({ lifecycle: { postStart: httpGet } })],
    ["what it does before the end", container({ lifecycle: { preStop: httpGet } })],
    ["the same by TCP", container({ lifecycle: { preStop: tcpSocket } })],
    ["its own loopback", container({ livenessProbe: { httpGet: { host: "127.0.0.1", port: 80 } } })],
    [
      "a sidecar of the pod's own",
      {
        initContainers: [{ name: "app", image: "a:1", restartPolicy: "Always", startupProbe: httpGet }],
        containers: [{ name: "other", image: "a:1" }],
      },
    ],
    [
      "one of several",
      {
        containers: [
          { name: "first", image: "a:1" },
          { ...appContainer, readinessProbe: httpGet },
        ],
      },
    ],
  ])("%s: refused", async (_, spec) => {
    const refused = await tried(spec);
    expect([refused.status, messageOf(refused)]).toEqual([
      403,
      expect.stringContaining("container app: a probe or hook must not name a host"),
    ]);
  });

  test.each<[what: string, spec: object]>([
    [
      "probes of the pod",
      container({ livenessProbe: { httpGet: { port: 80 } }, readinessProbe: { tcpSocket: { port: 80 } } }),
    ],
    ["an empty host", container({ livenessProbe: { httpGet: { host: "", port: 80 } } })],
    [
      "commands",
      container({
        lifecycle: { preStop: { exec: { command: ["true"] } } },
        startupProbe: { exec: { command: ["true"] } },
      }),
    ],
    ["gRPC", container({ readinessProbe: { grpc: { port: 80 } } })],
  ])("%s: admitted", async (_, spec) => {
    expect((await tried(spec)).status).toBe(201);
  });
});

describe("what ends up in resolv.conf", () => {
  test("search domains and options: admitted", async () => {
    const options = [{ name: "ndots", value: "2" }, { name: "use-vc" }, { name: "timeout", value: "" }];
    const dnsConfig = { searches: ["example.com", "_tcp.example.com.", "."], options };
    expect((await tried({ dnsConfig })).status).toBe(201);
  });

  test.each([
    [{ name: "ndots", value: `5\nnameserver ${host}` }],
    [{ name: `ndots:5\nnameserver ${host}` }],
    [{ name: "ndots", value: "5\n" }],
    [{ name: "ndots", value: "5\r" }],
    [{ name: "ndots", value: "5 use-vc" }],
    [{ name: "ndots", value: "5\u2028" }],
  ])("in an option, %j: refused", async (option) => {
    const refused = await tried({ dnsConfig: { options: [{ name: "use-vc" }, option] } });
    expect([refused.status, messageOf(refused)]).toEqual([
      403,
      expect.stringContaining("only letters, digits and _ . : - in names and values"),
    ]);
  });

  test.each([`example.com\nnameserver ${host}`, `${host}\n`, "a b"])(
    "as a search domain, %j: refused by the API server itself",
    async (domain) => {
      const refused = await tried({ dnsConfig: { searches: [domain] } });
      expect([refused.status, messageOf(refused)]).toEqual([
        422,
        expect.stringContaining("spec.dnsConfig.searches[0]"),
      ]);
    },
  );
});

test("a pod without a sidecar is nobody's business", async () => {
  const dnsConfig = { options: [{ name: "a b" }] };
  const spec = { ...container({ livenessProbe: httpGet }), dnsConfig };
  expect((await tried(spec, { [annotations.injection]: "disabled" })).status).toBe(201);
  expect((await tried({ ...spec, hostNetwork: true })).status).toBe(201);
});
