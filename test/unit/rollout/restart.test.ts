import { describe, expect, test } from "vitest";
import type { InjectionNamespace } from "#lib/mesh/injection-rule.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";
import type { Exclusions } from "#lib/rollout/observation.ts";
import { groupPods, podsOfWorkload } from "#lib/rollout/restart/groups.ts";
import { type Controller, outdatedPods, type SidecarPod, type WantedSidecar } from "#lib/rollout/restart/outdated.ts";
import { obstacle, plainRemedy, rolloutState, type Workload } from "#lib/rollout/restart/workload.ts";

const image = "registry/osm-egress/sidecar:2";
const older = "registry/osm-egress/sidecar:1";
const inMesh: InjectionNamespace = {
  name: "shop",
  labels: { [labels.monitoredBy]: "osm" },
  annotations: { [annotations.injection]: "enabled" },
};
const left: InjectionNamespace = { name: "left" };

function pod(name: string, difference: Partial<SidecarPod> = {}): SidecarPod {
  return { namespace: "shop", name, uid: `pod-${name}`, injection: {}, ...difference };
}

function controller(kind: string, name: string, apiVersion = "apps/v1"): Controller {
  return { apiVersion, kind, name, uid: `${kind}-${name}` };
}

const installed: WantedSidecar = { image, place: meshPlace, excludedRanges: [], excludedPorts: [] };

describe("outdated", () => {
  const namespaces = new Map([inMesh, left].map((it) => [it.name, it]));
  test.each<[string, Partial<SidecarPod>, string | null | undefined]>([
    // what is found; null: no sidecar, undefined: not outdated
    ["no sidecar, to be injected", {}, null],
    ["no sidecar, wants none", { injection: { annotations: { [annotations.injection]: "disabled" } } }, undefined],
    ["no sidecar, host network", { injection: { hostNetwork: true } }, undefined],
    ["no sidecar, outside the mesh", { namespace: "left" }, undefined],
    ["no sidecar, in a namespace that nobody knows", { namespace: "unknown" }, undefined],
    ["the installed one", { sidecarImages: [image, image] }, undefined],
    ["another", { sidecarImages: [older, older] }, older],
    ["another capture alone", { sidecarImages: [older, image] }, older],
    ["another Envoy alone", { sidecarImages: [image, older] }, older],
    ["another, in a namespace that has left", { namespace: "left", sidecarImages: [older, older] }, older],
  ])("%s", (_what, difference, found) => {
    const outdated = outdatedPods([pod("web-1", difference)], namespaces, installed);
    expect(outdated.map((it) => it.found ?? null)).toEqual(found === undefined ? [] : [found]);
  });

  test.each<[string, Partial<Exclusions>, boolean]>([
    ["as the mesh has it, in another order", {}, false],
    ["an exclusion that was withdrawn", { ranges: ["192.0.2.0/24", "10.0.0.0/8", "172.16.0.0/12"] }, true],
    ["without one that came later", { ranges: ["10.0.0.0/8"] }, true],
    ["another port", { ports: ["6379", "5432"] }, true],
    ["no port", { ports: [] }, true],
    ["UDP", { udp: true }, true],
  ])("the installed sidecar, captured %s", (_what, difference, isOutdated) => {
    const open = { ranges: ["192.0.2.0/24", "10.0.0.0/8"], ports: ["6379"], udp: false, ...difference };
    const excluding = { ...installed, excludedRanges: ["10.0.0.0/8", "192.0.2.0/24"], excludedPorts: [6379] };
    const outdated = outdatedPods(
      [pod("web-1", { sidecarImages: [image, image], capture: { open } })],
      namespaces,
      excluding,
    );
    expect(outdated.map(({ found, hasOtherExclusions }) => [found, hasOtherExclusions])).toEqual(
      isOutdated ? [[image, true]] : [],
    );
  });
});

test("what the pod wishes for itself is no reason, also where the mesh has it too", () => {
  const open = { ranges: ["192.0.2.0/24"], ports: ["6379"], udp: true };
  const own = { ranges: ["192.0.2.0/24"], ports: ["6379"], udp: true };
  const outdated = (mesh: Partial<typeof installed>, given: Partial<typeof own> = {}) =>
    outdatedPods(
      [pod("web-1", { sidecarImages: [image, image], capture: { open, own: { ...own, ...given } } })],
      new Map(),
      { ...installed, ...mesh },
    ).length;
  expect(outdated({})).toBe(0);
  expect(outdated({ excludedRanges: ["192.0.2.0/24"] })).toBe(0);
  expect(outdated({}, { udp: false })).toBe(1);
  expect(outdated({}, { ports: [] })).toBe(1);
});

describe("groups", () => {
  const owners = new Map([["ReplicaSet-web-7", controller("Deployment", "web")]]);

  test("by namespace and name, whatever the order of the pods; a ReplicaSet's by its Deployment", () => {
    const pods = [
      pod("web-7-b", { controller: controller("ReplicaSet", "web-7") }),
      pod("node-1", { controller: controller("DaemonSet", "node") }),
      pod("db-0", { namespace: "data", controller: controller("StatefulSet", "db") }),
      pod("web-7-a", { controller: controller("ReplicaSet", "web-7") }),
      pod("zoo-0", { namespace: "data", controller: controller("StatefulSet", "zoo") }),
    ];
    const expected = [
      ["StatefulSet data/db", ["db-0"]],
      ["StatefulSet data/zoo", ["zoo-0"]],
      ["DaemonSet shop/node", ["node-1"]],
      ["Deployment shop/web", ["web-7-a", "web-7-b"]],
    ];
    for (const order of [pods, pods.toReversed()]) {
      const { workloads, byHand } = groupPods(order, owners);
      const told = workloads.map(({ workload: { kind, namespace, name }, pods: its }) => [
        `${kind} ${namespace}/${name}`,
        its.map((it) => it.name),
      ]);
      expect(told).toEqual(expected);
      expect(byHand).toEqual([]);
    }
  });

  test("two of one name are two", () => {
    const pods = [
      pod("a", { controller: controller("StatefulSet", "web") }),
      pod("b", { controller: controller("Deployment", "web") }),
    ];
    expect(groupPods(pods, owners).workloads.map(({ workload }) => workload.kind)).toEqual([
      "Deployment",
      "StatefulSet",
    ]);
  });

  test.each<[string, Controller | undefined, string | undefined, string]>([
    ["a bare pod", undefined, undefined, "delete it and create it again"],
    ["a Job's", controller("Job", "load", "batch/v1"), "Job load", "CronJob's next run"],
    ["a bare ReplicaSet's", controller("ReplicaSet", "lone"), "ReplicaSet lone", "delete the pods one by one"],
    ["another API's", controller("Rollout", "web", "argoproj.io/v1"), "Rollout web", "by the means of argoproj.io/v1"],
    [
      "another API's of a known name",
      controller("Deployment", "web", "example.com/v1"),
      "Deployment web",
      "by the means of example.com/v1",
    ],
  ])("%s is left to people, who are told what to do", (_what, made, owner, remedy) => {
    const { workloads, byHand } = groupPods([pod("x", made ? { controller: made } : {})], owners);
    expect(workloads).toEqual([]);
    expect(byHand.map((it) => [it.namespace, it.owner, it.pods.length])).toEqual([["shop", owner, 1]]);
    expect(byHand[0]?.remedy).toContain(remedy);
  });

  test("the pods of one workload are those of all its ReplicaSets, and no others", () => {
    const web = controller("Deployment", "web");
    const two = new Map([...owners, ["ReplicaSet-web-8", web]]);
    const pods = ["web-7", "web-8", "other-1"].map((name) => pod(name, { controller: controller("ReplicaSet", name) }));
    const found = podsOfWorkload(pods, two, { kind: "Deployment", namespace: "shop", name: "web", uid: web.uid });
    expect(found.map(({ name }) => name)).toEqual(["web-7", "web-8"]);
  });
});

const settled: Workload = {
  kind: "Deployment",
  namespace: "shop",
  name: "web",
  uid: "u",
  generation: 4,
  observedGeneration: 4,
  template: {},
  templateImages: [],
  strategy: "RollingUpdate",
  paused: false,
  partition: 0,
  wanted: 3,
  updated: 3,
  old: 0,
  available: 3,
};

const wantedSidecar = { image: "sidecar:2", place: meshPlace, excludedRanges: [], excludedPorts: [6379] };

describe("what stands in the way of a restart", () => {
  test.each<[string, Partial<Workload>, InjectionNamespace, string | undefined]>([
    ["nothing", {}, inMesh, undefined],
    ["Recreate is as good", { strategy: "Recreate" }, inMesh, undefined],
    ["the namespace has left", {}, { ...left, name: "shop" }, "namespace shop is not in the mesh any more"],
    ["the template", { template: { hostNetwork: true } }, inMesh, "its pod template wants no sidecar"],
    ["paused", { paused: true }, inMesh, "it is paused: kubectl rollout resume"],
    ["OnDelete", { strategy: "OnDelete" }, inMesh, "its update strategy is OnDelete: delete its pods"],
    ["a partition", { partition: 1 }, inMesh, "its update strategy has partition 1"],
  ])("%s", (_what, difference, namespace, expected) => {
    const found = obstacle({ ...settled, ...difference }, namespace, wantedSidecar, true);
    expect(found === undefined ? undefined : found.slice(0, expected?.length)).toBe(expected);
  });

  test.each<[string, readonly string[], string | undefined]>([
    ["has none", [], "no sidecar"],
    ["has an old one", ["sidecar:1", "sidecar:1"], "sidecar:1"],
    ["has half an old one", ["sidecar:1", "sidecar:2"], "sidecar:1"],
    ["has it", ["sidecar:2", "sidecar:2"], undefined],
  ])("where the API server does not inject, and its template %s", (_what, templateImages, has) => {
    const found = obstacle({ ...settled, templateImages }, inMesh, wantedSidecar, false);
    expect(found).toBe(
      has && `the API server does not inject, and its pod template has ${has}: osm inject -f FILE | kubectl apply -f -`,
    );
  });

  test.each<[readonly string[], string | undefined]>([
    [["6379"], undefined],
    [[], "the API server does not inject, and its pod template has other exclusions than the mesh: osm inject"],
  ])("where the API server does not inject, and the capture in its template excludes ports %j", (ports, expected) => {
    const templateCapture = { open: { ranges: [], ports, udp: false } };
    const workload = { ...settled, templateImages: ["sidecar:2", "sidecar:2"], templateCapture };
    expect(obstacle(workload, inMesh, wantedSidecar, false)?.slice(0, expected?.length)).toBe(expected);
    expect(obstacle(workload, inMesh, wantedSidecar, true)).toBeUndefined();
  });

  test("what wants no sidecar is told before what cannot get one", () => {
    const found = obstacle({ ...settled, template: { hostNetwork: true } }, inMesh, wantedSidecar, false);
    expect(found).toContain("its pod template wants no sidecar");
  });
});

describe("what brings pods without a sidecar", () => {
  const restart = "kubectl rollout restart deployment/web -n shop";
  test.each<[string, Partial<Workload>, string]>([
    ["a restart", {}, restart],
    ["Recreate is as good", { strategy: "Recreate" }, restart],
    ["paused", { paused: true }, `kubectl rollout resume deployment/web -n shop, for it is paused; then ${restart}`],
    [
      "OnDelete",
      { kind: "DaemonSet", strategy: "OnDelete" },
      "kubectl delete pod -n shop NAME, one by one: its strategy is OnDelete",
    ],
    [
      "a partition",
      { kind: "StatefulSet", partition: 2 },
      "set partition 2 of its update strategy to 0; then kubectl rollout restart statefulset/web -n shop",
    ],
    [
      "whatever else is so, a template out of osm inject",
      { templateImages: ["sidecar:1"], paused: true, strategy: "OnDelete" },
      "apply its manifest without osm inject: the sidecar stands in its pod template",
    ],
  ])("%s", (_what, difference, expected) => {
    expect(plainRemedy({ ...settled, ...difference })).toBe(expected);
  });
});

describe("how far it is", () => {
  test.each<[string, Partial<Workload>, string]>([
    ["all new and available", {}, "done"],
    ["a later change was observed too", { observedGeneration: 5 }, "done"],
    ["scaled to nothing", { wanted: 0, updated: 0, available: 0 }, "done"],
    ["not observed", { observedGeneration: 3 }, "under-way: its controller has not seen the restart"],
    ["not observed, and given up before", { observedGeneration: 3, gaveUp: "x" }, "under-way: its controller"],
    ["not all replaced", { updated: 2 }, "under-way: 2 of 3 pods replaced"],
    ["old ones left", { old: 1 }, "under-way: old pods still there: 1"],
    ["not all available", { available: 2 }, "under-way: 2 of 3 new pods available"],
    ["paused", { paused: true, updated: 0 }, "failed: it was paused meanwhile"],
    ["given up", { available: 2, gaveUp: "has timed out" }, "failed: has timed out"],
  ])("%s: %s", (_what, difference, expected) => {
    const state = rolloutState({ ...settled, ...difference }, 4);
    const more = state.kind === "done" ? "" : `: ${state.kind === "failed" ? state.why : state.what}`;
    expect(`${state.kind}${more}`.slice(0, expected.length)).toBe(expected);
  });
});
