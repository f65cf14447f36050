import { expect, test } from "vitest";
import { injectionPolicyName } from "#deploy/injection/policy.ts";
import { defaults } from "#deploy/parameters.ts";
import { checkCluster } from "#lib/cli/install-checks.ts";
import { checkIpFamily } from "#lib/cli/ip-family.ts";
import { addition } from "#lib/cli/namespace-add.ts";
import { checkCaptureAllowed } from "#lib/cli/namespace-checks.ts";
import type { KubeConnection, KubeRequest } from "#lib/kube/connection.ts";

/** An API server that gives this answer to everything. */
function answering(status: number, body: object): KubeConnection {
  return {
    server: "https://api",
    send: async () => ({ status, text: JSON.stringify(body), serverTimeMs: undefined }),
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
}

test("an IPv6 cluster is refused", async () => {
  const api = answering(200, { spec: { ipFamilies: ["IPv6"] } });
  await expect(checkIpFamily(api)).rejects.toThrow("this is an IPv6 cluster (Service default/kubernetes)");
});

test("osm install and osm namespace add refuse it before they change anything", async () => {
  const everything = {
    gitVersion: "v1.36.0",
    resources: [{ name: "validatingadmissionpolicies" }, { name: "mutatingadmissionpolicies" }],
    spec: { ipFamilies: ["IPv6"], images: { sidecar: "sidecar:1" } },
  };
  const api = answering(200, everything);
  await expect(checkCluster(api, defaults)).rejects.toThrow("this is an IPv6 cluster");
  const { check } = addition(api, api, defaults, ["shop"], true);
  await expect(check.run(() => undefined)).rejects.toThrow("this is an IPv6 cluster");
});

test.each([
  ["IPv4", answering(200, { spec: { ipFamilies: ["IPv4"] } })],
  ["both, IPv4 first", answering(200, { spec: { ipFamilies: ["IPv4", "IPv6"] } })],
  ["one without that Service", answering(404, {})],
])("a cluster of %s is taken", async (_what, api) => {
  await checkIpFamily(api);
});

test("a namespace whose pods come back for Fargate is refused", async () => {
  const api = answering(201, { spec: { schedulerName: "fargate-scheduler" } });
  await expect(checkCaptureAllowed(api, "shop", "sidecar:1")).rejects.toThrow(
    "namespace shop: its pods run on Fargate",
  );
});

test("one whose pods go to ordinary nodes is taken", async () => {
  const api = answering(201, { spec: { schedulerName: "default-scheduler" } });
  expect(await checkCaptureAllowed(api, "shop", "sidecar:1")).toBeUndefined();
});

test("an API server that has not found all of the injection policy yet is asked again", async () => {
  const early = { message: `failed to configure binding for ${injectionPolicyName}: no params found` };
  const answers = [answering(422, early), answering(422, early), answering(201, { spec: {} })];
  const api = { ...answering(500, {}), send: (request: KubeRequest) => answers.shift()?.send(request) };
  expect(await checkCaptureAllowed(api as KubeConnection, "shop", "sidecar:1")).toBeUndefined();
});

test("one that refuses for another reason says why, at once", async () => {
  const api = answering(403, { message: "exceeded quota: pods" });
  expect(await checkCaptureAllowed(api, "shop", "sidecar:1")).toBe("exceeded quota: pods");
});
