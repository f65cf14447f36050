import { describe, expect, test } from "vitest";
import { decodeTroubles } from "#lib/kube/pod-troubles.ts";
import { decodeSidecarPod } from "#lib/kube/sidecar-pods.ts";
import { decodeWorkload } from "#lib/kube/workloads.ts";
import type { WorkloadKind } from "#lib/rollout/restart/groups.ts";

const metadata = { namespace: "shop", name: "web-1", uid: "u" };

const closed = { open: { ranges: [], ports: [], udp: false } };
const injected = {
  initContainers: [
    { name: "osm-init", image: "sidecar:1" },
    { name: "envoy", image: "sidecar:2", restartPolicy: "Always" },
    { name: "own", image: "own:1" },
  ],
  volumes: [{ name: "osm-sidecar-config", configMap: { name: "osm-sidecar.web" } }],
};

describe("a pod's sidecar", () => {
  test.each<[string, object, object | undefined]>([
    ["none", { spec: {} }, { injection: {} }],
    ["injected", { spec: injected }, { injection: {}, sidecarImages: ["sidecar:1", "sidecar:2"], capture: closed }],
    ["merely of the name", { spec: { initContainers: [{ name: "envoy", image: "mine" }] } }, { injection: {} }],
    ["being deleted", { metadata: { ...metadata, deletionTimestamp: "x" }, spec: injected }, undefined],
    [
      "all that decides about injection",
      {
        metadata: { ...metadata, annotations: { a: "b", "kubectl.kubernetes.io/restartedAt": "then" } },
        spec: { hostNetwork: true, os: { name: "linux" }, nodeSelector: { zone: "a" } },
      },
      {
        injection: {
          annotations: { a: "b", "kubectl.kubernetes.io/restartedAt": "then" },
          hostNetwork: true,
          os: "linux",
          nodeSelector: { zone: "a" },
        },
        restartedAt: "then",
      },
    ],
    [
      "its controller is the owner that says so",
      {
        metadata: {
          ...metadata,
          ownerReferences: [
            { apiVersion: "v1", kind: "Other", name: "o", uid: "1" },
            { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "2", controller: true },
          ],
        },
        spec: {},
      },
      { injection: {}, controller: { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "2" } },
    ],
  ])("%s", (_what, difference, expected) => {
    expect(decodeSidecarPod({ metadata, ...difference })).toEqual(expected && { ...metadata, ...expected });
  });
});

describe("a workload", () => {
  const rest = {
    observedGeneration: 0,
    template: {},
    templateImages: [],
    strategy: "RollingUpdate",
    paused: false,
    partition: 0,
  };
  const none = { updated: 0, old: 0, available: 0 };
  const counts = { replicas: 5, updatedReplicas: 3, availableReplicas: 2 };
  const counted = { updated: 3, old: 2, available: 2 };
  const nodes = { desiredNumberScheduled: 4, updatedNumberScheduled: 3, numberAvailable: 2 };
  test.each<[string, WorkloadKind, object, object, object]>([
    ["no status yet", "Deployment", { replicas: 4 }, {}, { wanted: 4, ...none }],
    ["one pod where nothing is said", "Deployment", {}, {}, { wanted: 1, ...none }],
    ["Deployment", "Deployment", { replicas: 4 }, counts, { wanted: 4, ...counted }],
    ["StatefulSet", "StatefulSet", { replicas: 4 }, counts, { wanted: 4, ...counted }],
    ["DaemonSet", "DaemonSet", {}, nodes, { wanted: 4, updated: 3, old: 0, available: 2 }],
    [
      "injected in its template",
      "Deployment",
      { template: { spec: injected } },
      {},
      { wanted: 1, ...none, templateImages: ["sidecar:1", "sidecar:2"], templateCapture: closed },
    ],
    ["paused", "Deployment", { paused: true }, {}, { wanted: 1, ...none, paused: true }],
    [
      "with an envoy of its own",
      "Deployment",
      { template: { spec: { initContainers: [{ name: "envoy", restartPolicy: "Always" }] } } },
      {},
      { wanted: 1, ...none },
    ],
    [
      "Recreate",
      "Deployment",
      { strategy: { type: "Recreate" } },
      { observedGeneration: 7 },
      { wanted: 1, ...none, strategy: "Recreate", observedGeneration: 7 },
    ],
    [
      "a partition",
      "StatefulSet",
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
      {},
      { wanted: 1, ...none, partition: 2 },
    ],
    [
      "given up",
      "Deployment",
      {},
      {
        conditions: [
          { type: "Available", reason: "ProgressDeadlineExceeded", message: "not this one" },
          { type: "Progressing", reason: "ProgressDeadlineExceeded", message: "timed out" },
        ],
      },
      { wanted: 1, ...none, gaveUp: "timed out" },
    ],
  ])("%s", (_what, kind, spec, status, expected) => {
    const ref = { kind, namespace: "shop", name: "web", uid: "u" };
    const object = { metadata: { uid: "u", generation: 9 }, spec: { template: { spec: {} }, ...spec }, status };
    expect(decodeWorkload(ref, object)).toEqual({ ...ref, generation: 9, ...rest, ...expected });
  });
});

describe("why a pod is not ready", () => {
  const waiting = (reason: string, message?: string) => ({ waiting: { reason, ...(message ? { message } : {}) } });
  test.each<[string, object, readonly string[] | undefined]>([
    ["it is", { conditions: [{ type: "Ready", status: "True" }] }, undefined],
    ["nobody has looked", {}, []],
    [
      "no node takes it",
      { conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes\n are available" }] },
      ["not scheduled: 0/1 nodes are available"],
    ],
    [
      "an init container, and the others wait for it",
      {
        initContainerStatuses: [
          { name: "osm-init", ready: false, state: { terminated: { exitCode: 3, reason: "Error" } } },
        ],
        containerStatuses: [{ name: "app", ready: false, state: waiting("PodInitializing") }],
      },
      ["container osm-init: Error, exit code 3"],
    ],
    [
      "an image",
      { containerStatuses: [{ name: "app", ready: false, state: waiting("ImagePullBackOff", "no such image") }] },
      ["container app: ImagePullBackOff: no such image"],
    ],
    [
      "its probe, with a sidecar that is fine and a capture that has ended",
      {
        initContainerStatuses: [
          { name: "osm-init", ready: true, state: { terminated: { exitCode: 0 } } },
          { name: "envoy", ready: true, state: { running: {} } },
        ],
        containerStatuses: [{ name: "app", ready: false, state: { running: {} } }],
      },
      ["container app is not ready"],
    ],
  ])("%s", (_what, status, troubles) => {
    expect(decodeTroubles({ metadata, status })?.troubles).toEqual(troubles);
  });
});
