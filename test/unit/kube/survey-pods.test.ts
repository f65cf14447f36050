import { describe, expect, test } from "vitest";
import { decodeSurveyedPod } from "#lib/kube/survey-pods.ts";
import { annotations, sidecar } from "#lib/mesh/names.ts";

const creationTimestamp = "2026-11-01T12:00:00Z";
const metadata = { namespace: "shop", name: "web", creationTimestamp };
const seen = { namespace: "shop", name: "web", createdAtMs: Date.parse(creationTimestamp) };
const injected = {
  initContainers: [
    { name: "osm-init", image: "i:1" },
    { name: sidecar.container, image: "s:1", restartPolicy: "Always" },
  ],
  volumes: [{ name: sidecar.volume, configMap: { name: "osm-sidecar.web" } }],
};

test("of an injected pod its sidecar's image", () => {
  expect(decodeSurveyedPod({ metadata, spec: injected })).toEqual({ ...seen, sidecarImage: "s:1" });
});

test("one that is being deleted is left out", () => {
  const going = { ...metadata, deletionTimestamp: creationTimestamp };
  expect(decodeSurveyedPod({ metadata: going, spec: {} })).toBeUndefined();
  expect(decodeSurveyedPod({ metadata: going, spec: injected })).toBeUndefined();
});

describe("of a pod without a sidecar, what injection asks", () => {
  test.each<readonly [string, object, object]>([
    ["nothing", {}, { annotations: {}, hostNetwork: false }],
    [
      "a container that only has the name",
      { initContainers: injected.initContainers },
      { annotations: {}, hostNetwork: false },
    ],
    ["the host's network", { hostNetwork: true }, { annotations: {}, hostNetwork: true }],
    ["Windows", { os: { name: "windows" } }, { annotations: {}, hostNetwork: false, os: "windows" }],
    [
      "a node selector",
      { nodeSelector: { "kubernetes.io/os": "windows" } },
      { annotations: {}, hostNetwork: false, nodeSelector: { "kubernetes.io/os": "windows" } },
    ],
  ])("%s", (_what, spec, injection) => {
    expect(decodeSurveyedPod({ metadata, spec })).toEqual({ ...seen, sidecarImage: undefined, injection });
  });

  test("of its annotations only those that count", () => {
    const counting = { [annotations.injection]: "disabled", "kubernetes.io/config.mirror": "x" };
    const pod = { metadata: { ...metadata, annotations: { ...counting, long: "x".repeat(9_000) } }, spec: {} };
    expect(decodeSurveyedPod(pod)?.injection?.annotations).toEqual(counting);
  });
});
