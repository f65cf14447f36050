import { describe, expect, test } from "vitest";
import { askLive, findPod } from "#lib/cli/proxy-pod.ts";
import { liveQueries, resourcesOf, viewOf } from "#lib/cli/proxy-views.ts";
import { earlierQueries } from "#lib/envoy/earlier-queries.ts";
import { sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { verificationQuery } from "#lib/envoy/verification-query.ts";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";
import type { Answer, ObservedPod } from "#lib/rollout/observation.ts";
import { podSeen } from "../../scripted/world-at-rest.ts";

const config = sidecarConfig({ egress: true, destinations: [] });
const map = { name: "osm-sidecar.web", files: config.files };
const pod: ObservedPod = podSeen();

function says(version: string): Answer {
  return {
    kind: "answered",
    says: { listeners: version, clusters: version, refusedUpdates: 0, draining: 0, openEgress: 0 },
  };
}

describe("what a sidecar is to run, and whether it does", () => {
  test("it does", () => {
    const view = viewOf(pod, map, says(config.digest));
    expect(view).toMatchObject({
      pod: "shop/web-1",
      configMap: "osm-sidecar.web",
      version: config.digest,
      sidecar: { runsIt: true, says: "Verified", answer: { listeners: config.digest } },
    });
    expect(view.files["cds.json"]).toEqual(JSON.parse(config.files["cds.json"]));
  });

  test.each<[string, Answer, string]>([
    ["runs another version", says("off-0"), "OtherVersion: runs off-0"],
    ["is silent", { kind: "silent", why: "none within 2 s" }, "NoAnswer: none within 2 s"],
  ])("it %s", (_, answer, words) => {
    expect(viewOf(pod, map, answer).sidecar).toMatchObject({ runsIt: false, says: words });
  });

  test.each([
    ["of two versions", { ...config.files, "cds.json": '{"version_info":"other"}' }],
    ["without one of them", { "lds.json": config.files["lds.json"] }],
    ["that are no JSON", { ...config.files, "rds.json": "{" }],
  ])("files %s are nobody's version", (_, files) => {
    const view = viewOf(pod, { ...map, files }, says(config.digest));
    expect([view.version, view.sidecar.runsIt]).toEqual([null, false]);
  });
});

test("clusters, listeners and routes are the resources of their file", () => {
  expect(resourcesOf(map, "lds.json")).toMatchObject([{ name: "outbound" }]);
  expect(resourcesOf({ ...map, files: {} }, "rds.json")).toEqual([]);
});

describe("asking the status port", () => {
  function answering(status: number, text: string, seen: KubeRequest[] = []): KubeConnection {
    return {
      server: "https://api",
      send: async (request) => {
        seen.push(request);
        return { status, text, serverTimeMs: undefined };
      },
      stream: () => {
        throw new Error("nothing is watched");
      },
    };
  }

  test.each([
    [liveQueries.ready, "/proxy/ready", undefined],
    [liveQueries.prometheus, "/proxy/stats/prometheus", undefined],
    [liveQueries.stats, "/proxy/stats", verificationQuery],
  ])("%j is asked at its path of port 15010, as it is answered there", async (live, path, query) => {
    const seen: KubeRequest[] = [];
    expect(await askLive(answering(200, "LIVE\n", seen), pod, live)).toBe("LIVE");
    expect(seen).toMatchObject([{ method: "GET", path: `/api/v1/namespaces/shop/pods/web-1:15010${path}` }]);
    expect(seen[0]?.query).toEqual(query);
  });

  test("a sidecar of an earlier version is asked for statistics by its own query", async () => {
    const seen: KubeRequest[] = [];
    await expect(askLive(answering(404, "", seen), pod, liveQueries.stats)).rejects.toThrow("404");
    expect(seen.map(({ query }) => query)).toEqual([verificationQuery, ...earlierQueries]);
  });

  test("a refusal is told in the API server's words", async () => {
    const api = answering(503, '{"message":"error trying to reach service"}');
    await expect(askLive(api, pod, liveQueries.ready)).rejects.toThrow("503 error trying to reach service");
  });

  test("a sidecar that does not run is not asked", async () => {
    const still = { ...pod, sidecarStartedAtMs: undefined };
    await expect(askLive(answering(200, ""), still, liveQueries.ready)).rejects.toThrow("does not run");
  });

  test("a pod that is not there, and one without a sidecar", async () => {
    await expect(findPod(answering(404, "{}"), "shop", "web-1")).rejects.toThrow("pod shop/web-1 does not exist");
    const plain = JSON.stringify({ metadata: { namespace: "shop", name: "web-1", uid: "1" }, spec: {} });
    await expect(findPod(answering(200, plain), "shop", "web-1")).rejects.toThrow("pod shop/web-1 has no sidecar");
  });
});
