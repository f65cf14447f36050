import { describe, expect, test } from "vitest";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import { ServerClock } from "#lib/kube/lease.ts";
import { readMesh } from "#lib/kube/mesh-reader.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";

const answers: Readonly<Record<string, unknown>> = {
  "/api/v1/namespaces/osm-system/configmaps/osm-config": {
    metadata: {
      uid: "u",
      resourceVersion: "3",
      managedFields: [
        { manager: "helm", fieldsV1: { "f:data": { "f:tracing": {} } } },
        { manager: "flux", time: "2026-01-01T00:00:00Z", fieldsV1: { "f:data": { "f:egress": {} } } },
      ],
      labels: { "kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" },
    },
    data: { egress: "true" },
  },
  "/api/v1/namespaces": {
    items: [{ metadata: { name: "shop" } }, { metadata: { name: "going", deletionTimestamp: "x" } }],
  },
  "/api/v1/serviceaccounts": {
    items: [
      { metadata: { namespace: "shop", name: "web" } },
      { metadata: { namespace: "shop", name: "gone", deletionTimestamp: "x" } },
      { metadata: { namespace: "going", name: "web" } },
      { metadata: { namespace: "elsewhere", name: "web" } },
    ],
  },
  "/api/v1/services": {
    items: [
      {
        metadata: { namespace: "shop", name: "web" },
        spec: {
          clusterIP: "10.96.0.20",
          selector: { app: "web" },
          ports: [{ port: 80 }, { port: 53, protocol: "UDP" }],
        },
      },
      {
        metadata: { namespace: "elsewhere", name: "web" },
        spec: { clusterIP: "10.96.0.21", selector: { app: "web" } },
      },
      { metadata: { namespace: "elsewhere", name: "headless" }, spec: { clusterIP: "None", selector: { app: "web" } } },
      { metadata: { namespace: "shop", name: "by-hand" }, spec: { clusterIP: "10.96.0.22", ports: [{ port: 80 }] } },
    ],
  },
  "/apis/networking.k8s.io/v1/servicecidrs": {
    items: [
      { spec: { cidrs: ["10.97.0.0/24", "fd00::/108"] } },
      { spec: { cidrs: ["10.96.0.0/16"] } },
      { metadata: { name: "being-made" } },
    ],
  },
  "/api/v1/configmaps": {
    items: [
      {
        metadata: {
          namespace: "shop",
          name: "osm-sidecar.web",
          resourceVersion: "5",
          annotations: { [annotations.account]: "web", [annotations.fencing]: "4" },
        },
      },
    ],
  },
};

function connectionTo(sent: KubeRequest[], more: Readonly<Record<string, unknown>> = {}): KubeConnection {
  return {
    server: "https://api",
    async send(request) {
      sent.push(request);
      await new Promise((resolve) => setImmediate(resolve));
      const answer = more[request.path] ?? answers[request.path];
      return answer
        ? { status: 200, text: JSON.stringify(answer), serverTimeMs: undefined }
        : { status: 404, text: "{}", serverTimeMs: undefined };
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
}

test("only what is in the mesh is seen, with who wrote the switch", async () => {
  expect(await readMesh(connectionTo([]), meshPlace, new ServerClock())).toEqual({
    osmConfig: {
      uid: "u",
      resourceVersion: "3",
      data: { egress: "true" },
      egressManager: "flux",
      egressWrittenAt: "2026-01-01T00:00:00Z",
      owners: [{ kind: "Kustomization", namespace: "flux-system", name: "mesh" }],
    },
    namespaces: ["shop", "going"],
    accounts: [{ namespace: "shop", name: "web" }],
    services: [
      { namespace: "shop", name: "web", type: "ClusterIP", clusterIP: "10.96.0.20", hasSelector: true, ports: [80] },
      {
        namespace: "shop",
        name: "by-hand",
        type: "ClusterIP",
        clusterIP: "10.96.0.22",
        hasSelector: false,
        ports: [80],
      },
    ],
    serviceRange: {
      cidrs: ["10.96.0.0/16", "10.97.0.0/24"],
      outside: [
        { namespace: "elsewhere", name: "web", cidr: "10.96.0.21/32" },
        { namespace: "shop", name: "by-hand", cidr: "10.96.0.22/32" },
      ],
    },
    configMaps: [
      {
        namespace: "shop",
        name: "osm-sidecar.web",
        resourceVersion: "5",
        createdAtMs: 0,
        account: "web",
        files: {},
        settings: undefined,
        fencing: 4,
      },
    ],
    injection: undefined,
    rollout: undefined,
    lease: undefined,
  });
});

test.each([600_000, -600_000])("by a clock that is %i ms ahead a ConfigMap is as old as it is", async (aheadMs) => {
  const serverTimeMs = Date.now() - aheadMs;
  const metadata = {
    namespace: "shop",
    name: "osm-sidecar.web",
    resourceVersion: "5",
    creationTimestamp: new Date(serverTimeMs - 60_000).toISOString(),
    annotations: { [annotations.account]: "web", [annotations.fencing]: "4" },
  };
  const connection = connectionTo([], { "/api/v1/configmaps": { metadata: {}, items: [{ metadata }] } });
  const send: KubeConnection["send"] = async (request) => ({ ...(await connection.send(request)), serverTimeMs });
  const { configMaps } = await readMesh({ ...connection, send }, meshPlace, new ServerClock());
  const [ageMs = 0] = configMaps.map(({ createdAtMs }) => Date.now() - createdAtMs);
  expect(Math.abs(ageMs - 60_000)).toBeLessThan(5_000);
});

test("a pass for a mesh of another name than the installed one is refused, before anything is written", async () => {
  const injection = { spec: { meshName: "prod" } };
  const path = "/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system/meshinjections/osm-config";
  const reading = (meshName: string) =>
    readMesh(connectionTo([], { [path]: injection }), { ...meshPlace, meshName }, new ServerClock());
  await expect(reading("osm")).rejects.toThrow(/settings-invalid.*named prod, not osm: give --mesh-name prod/);
  expect((await reading("prod")).injection).toEqual(injection.spec);
});

test("the Lease is read first, and answered before anything else is asked for; nine reads in all", async () => {
  const sent: KubeRequest[] = [];
  const reading = readMesh(connectionTo(sent), meshPlace, new ServerClock());
  expect(sent.map(({ path }) => path.split("/").at(-2))).toEqual(["leases"]);
  await reading;
  expect(sent).toHaveLength(9);
  expect(sent.every(({ method }) => method === "GET")).toBe(true);
});

describe("ServiceCIDR objects", () => {
  const path = "/apis/networking.k8s.io/v1/servicecidrs";
  const readWith = (status: number) => {
    const connection = connectionTo([]);
    const send: KubeConnection["send"] = async (request) =>
      request.path === path ? { status, text: "{}", serverTimeMs: 0 } : connection.send(request);
    return readMesh({ ...connection, send }, meshPlace, new ServerClock());
  };

  test.each([
    [404, "this cluster has no ServiceCIDR objects (Kubernetes before 1.33)"],
    [403, "the reconciler may not list servicecidrs.networking.k8s.io; osm install grants it"],
  ])("%i: nothing is derived, and the reason kept", async (status, why) => {
    const { serviceRange } = await readWith(status);
    expect(serviceRange).toMatchObject({ why, outside: [{}, {}] });
    expect(serviceRange).not.toHaveProperty("cidrs");
  });

  test("any other failure is one of the look", async () => {
    await expect(readWith(503)).rejects.toThrow("api-unavailable");
  });
});

test("namespaces and ConfigMaps are chosen by label; namespaces that are about to join count already", async () => {
  const sent: KubeRequest[] = [];
  const seen = await readMesh(connectionTo(sent), meshPlace, new ServerClock(), {
    alsoInMesh: ["elsewhere"],
  });
  expect(seen.accounts.map(({ namespace }) => namespace)).toEqual(["shop", "elsewhere"]);
  const selectors = sent.flatMap(({ path, query }) =>
    query?.["labelSelector"] ? [`${path} ${query["labelSelector"]}`] : [],
  );
  expect(selectors).toEqual([
    `/api/v1/namespaces ${labels.monitoredBy}=osm`,
    `/api/v1/configmaps ${labels.sidecarConfig}=osm`,
  ]);
});
