import { describe, expect, test } from "vitest";
import { earlierQueries } from "#lib/envoy/earlier-queries.ts";
import { verificationQuery } from "#lib/envoy/verification-query.ts";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import { checkSidecar, decodeToExplain } from "#lib/kube/explained-pod.ts";
import { sidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { annotations } from "#lib/mesh/names.ts";
import { configAtRest, podSeen } from "../../scripted/world-at-rest.ts";

const config = configAtRest();
const running = { egress: false, permissive: true, inMeshCidrs: [] };
const write = {
  account: { namespace: "shop", name: "web" },
  name: "osm-sidecar.web",
  config,
  changesFiles: true,
  isImmutable: false,
};
const stored = sidecarConfigMap(write, running, 1, "osm");
const pod = podSeen();

function stats(version: string, refused = 0): string {
  const values = { "listener_manager.lds.version_text": version, "cluster_manager.cds.version_text": version };
  const counts = { "listener_manager.lds.update_rejected": refused };
  return JSON.stringify({
    stats: Object.entries({ ...values, ...counts }).map(([name, value]) => ({ name, value })),
  });
}

interface Server {
  readonly sidecar?: { readonly status: number; readonly text: string };
  readonly configMap?: { readonly status: number; readonly text: string };
}

function serving({ sidecar, configMap }: Server) {
  const asked: KubeRequest[] = [];
  const connection: KubeConnection = {
    server: "https://api",
    async send(request) {
      asked.push(request);
      const isSidecar = request.path.endsWith("/proxy/stats");
      const answer = isSidecar ? sidecar : (configMap ?? { status: 200, text: JSON.stringify(stored) });
      return { status: 404, text: "{}", ...answer, serverTimeMs: undefined };
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
  return { connection, asked };
}

const refused = { status: 403, text: JSON.stringify({ message: "forbidden" }) };

describe("a sidecar is asked, and compared with its ConfigMap", () => {
  test("that runs it", async () => {
    const { connection, asked } = serving({ sidecar: { status: 200, text: stats(config.digest) } });
    expect(await checkSidecar(connection, pod)).toEqual({
      kind: "asked",
      state: { kind: "verified", openEgress: 0, draining: 0 },
      wanted: config.digest,
      runs: config.digest,
      egress: false,
    });
    expect(asked.map(({ path }) => path).sort()).toEqual([
      "/api/v1/namespaces/shop/configmaps/osm-sidecar.web",
      "/api/v1/namespaces/shop/pods/web-1:15010/proxy/stats",
    ]);
    expect(asked.find(({ path }) => path.endsWith("stats"))?.query).toEqual(verificationQuery);
  });

  test("that was started by an earlier version: by the query that it answers", async () => {
    const { connection, asked } = serving({});
    const text = stats(config.digest);
    const older: KubeConnection = {
      ...connection,
      async send(request) {
        const answered = await connection.send(request);
        // As Envoy says it.
        const answer = answered.status === 404 ? { ...answered, text: "" } : answered;
        const [earlier] = earlierQueries;
        return request.query?.["filter"] === earlier?.filter ? { ...answer, status: 200, text } : answer;
      },
    };
    expect(await checkSidecar(older, pod)).toMatchObject({ state: { kind: "verified" }, runs: config.digest });
    const queries = asked.filter(({ path }) => path.endsWith("stats")).map(({ query }) => query);
    expect(queries).toEqual([verificationQuery, ...earlierQueries]);
  });

  test.each<readonly [string, Server, object]>([
    [
      "that runs another, having refused one",
      { sidecar: { status: 200, text: stats("on-x", 2) } },
      { state: { kind: "differs", hasRefused: true }, wanted: config.digest, runs: "on-x", egress: undefined },
    ],
    [
      "that has nothing yet",
      { sidecar: { status: 200, text: stats("") } },
      { state: { kind: "differs", runs: "nothing" }, runs: "nothing" },
    ],
    [
      "that calls its version what a terminal obeys",
      { sidecar: { status: 200, text: stats(`\u001b[2J${"x".repeat(100)}`) } },
      { runs: `?[2J${"x".repeat(60)}` },
    ],
    ["that is silent", { sidecar: { status: 503, text: "" } }, { state: { kind: "silent" }, runs: undefined }],
    ["that may not be asked", { sidecar: refused }, { kind: "not-allowed" }],
    [
      "whose ConfigMap may not be read",
      { sidecar: { status: 200, text: stats(config.digest) }, configMap: refused },
      { wanted: undefined, runs: config.digest },
    ],
    [
      "whose ConfigMap is gone",
      { sidecar: { status: 200, text: stats(config.digest) }, configMap: { status: 404, text: "{}" } },
      { wanted: undefined, runs: config.digest },
    ],
  ])("%s", async (_what, server, check) => {
    expect(await checkSidecar(serving(server).connection, pod)).toMatchObject(check);
  });

  test("nobody is asked where none runs", async () => {
    const { connection, asked } = serving({});
    expect(await checkSidecar(connection, { ...pod, sidecarStartedAtMs: undefined })).toEqual({ kind: "not-running" });
    expect(asked).toEqual([]);
  });
});

test("its capture is told as the pod was created with it", () => {
  const object = {
    // What an annotation says now it may not have said then.
    metadata: { namespace: "shop", name: "web-1", uid: "u", annotations: { [annotations.excludedPorts]: "1" } },
    spec: {
      initContainers: [
        { name: "osm-init", image: "s:1", args: ["10.0.0.0/8,10.9.0.0/16", "6379", "true"] },
        { name: "envoy", image: "s:1", restartPolicy: "Always" },
      ],
      volumes: [{ name: "osm-sidecar-config", configMap: { name: "osm-sidecar.web" } }],
    },
    status: { phase: "Running" },
  };
  const { pod: told } = decodeToExplain(object);
  expect(told.sidecar?.capture).toEqual({
    excludedRanges: ["10.0.0.0/8", "10.9.0.0/16"],
    excludedPorts: ["6379"],
    allowsUdp: true,
  });
  expect(told.hasFinished).toBe(false);
  expect(decodeToExplain({ ...object, status: { phase: "Failed" } }).pod.hasFinished).toBe(true);
});
