import { expect, test } from "vitest";
import { labels } from "#lib/mesh/names.ts";
import type { SurveyedPod } from "#lib/rollout/drift/survey.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, writesOf } from "./pass.ts";

const atRest = "status Idle off 3/3 AllVerified AllVerified";
const privileged = [{ code: "Privileged", containers: ["app"] }] as const;

/** Pods in the host's network, of a mesh namespace. */
function inHostNetwork(cluster: ScriptedCluster, ...names: readonly string[]): void {
  const pods = names.map((name): SurveyedPod => {
    return { namespace: "shop", name, createdAtMs: 0, sidecarImage: undefined, injection: { hostNetwork: true } };
  });
  const shop = { name: "shop", labels: { [labels.monitoredBy]: "osm" } };
  cluster.surveyed = { ...cluster.surveyed, namespaces: [shop], pods };
}

const outside = ({ status }: ScriptedCluster) => ({
  count: status.sidecars?.outsideGuarantee,
  pods: status.outsideGuarantee?.map(({ pod, reasons }) => [pod, ...reasons.map(({ code }) => code)].join(" ")),
});

test("a mesh without any says so", async () => {
  expect(outside(await meshAtRest())).toEqual({ count: 0, pods: [] });
});

test("a pod that has left the guarantee is written once, and then there is nothing to do", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-2").outside = privileged;
  expect(await writesOf(cluster)).toEqual([atRest]);
  expect(outside(cluster)).toEqual({ count: 1, pods: ["shop/web-2 Privileged"] });
  cluster.calls.clear();
  expect(await writesOf(cluster)).toEqual([]);
  expect(Object.fromEntries(cluster.calls)).toEqual({ glance: 1, readMesh: 1, readPods: 1 });
  // Listed in another order.
  const pods = [...cluster.pods].toReversed();
  cluster.pods.clear();
  for (const [key, pod] of pods) cluster.pods.set(key, pod);
  expect(await writesOf(cluster)).toEqual([]);
});

test("one that comes back to it is taken off", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-2").outside = privileged;
  await runPass(cluster);
  cluster.pod("shop/web-2").outside = undefined;
  expect(await writesOf(cluster)).toEqual([atRest]);
  expect(outside(cluster)).toEqual({ count: 0, pods: [] });
});

test("pods without a sidecar are counted by a drift pass, and kept by the hint passes after it", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-2").outside = privileged;
  inHostNetwork(cluster, "node-2", "node-1");
  await runPass(cluster, { kind: "drift" });
  const all = { count: 3, pods: ["shop/node-1 HostNetwork", "shop/node-2 HostNetwork", "shop/web-2 Privileged"] };
  expect(outside(cluster)).toEqual(all);
  expect(await writesOf(cluster)).toEqual([]);
  // Only that it has looked.
  expect(await writesOf(cluster, { kind: "drift" })).toEqual([atRest]);
  expect(outside(cluster)).toEqual(all);
  inHostNetwork(cluster, "node-2");
  await runPass(cluster, { kind: "drift" });
  expect(outside(cluster)).toEqual({ count: 2, pods: ["shop/node-2 HostNetwork", "shop/web-2 Privileged"] });
});

test("they stay as they were known while they cannot be listed", async () => {
  const cluster = await meshAtRest();
  inHostNetwork(cluster, "node-1");
  await runPass(cluster, { kind: "drift" });
  inHostNetwork(cluster);
  cluster.surveyed = { ...cluster.surveyed, unread: [{ object: "pods", why: "503", isForbidden: false }] };
  await runPass(cluster, { kind: "drift" });
  expect(outside(cluster)).toEqual({ count: 1, pods: ["shop/node-1 HostNetwork"] });
});

test("a change counts them while it is under way, and they hold nothing back", async () => {
  const cluster = await meshAtRest();
  cluster.pod("shop/web-2").outside = privileged;
  cluster.setOsmConfig({ egress: "true", permissive_traffic_policy_mode: "true" });
  const counts: (number | undefined)[] = [];
  cluster.watchStatus = ({ sidecars }) => counts.push(sidecars?.outsideGuarantee);
  await runPass(cluster);
  expect(counts).toEqual([1, 1]);
  expect(cluster.status.phase).toBe("Idle");
});
