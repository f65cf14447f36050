import { describe, expect, test } from "vitest";
import { type InjectionNamespace, type InjectionPod, isInMesh, isToBeInjected } from "#lib/mesh/injection-rule.ts";
import { annotations, labels, meshPlace } from "#lib/mesh/names.ts";

function namespace(wish?: string, mesh = "osm", name = "shop"): InjectionNamespace {
  return { name, labels: { [labels.monitoredBy]: mesh }, annotations: wishing(wish) };
}

function wishing(wish: string | undefined): Readonly<Record<string, string>> {
  return wish === undefined ? {} : { [annotations.injection]: wish };
}

describe("the wish: the pod's, else its namespace's", () => {
  test.each<[string | undefined, string | undefined, boolean]>([
    // namespace, pod, injected
    [undefined, undefined, false],
    ["", undefined, false],
    ["enabled", undefined, true],
    ["enabled", "", true],
    ["disabled", undefined, false],
    ["enabled", "disabled", false],
    ["enabled", "No", false],
    ["enabled", "FALSE", false],
    ["disabled", "enabled", true],
    ["disabled", "yes", true],
    [undefined, "true", true],
    ["disabled", " no", true],
    ["enabeld", undefined, true],
  ])("namespace %j, pod %j: %j", (inNamespace, onPod, injected) => {
    expect(isToBeInjected(namespace(inNamespace), { annotations: wishing(onPod) }, meshPlace)).toBe(injected);
  });
});

describe("never", () => {
  test.each<[string, InjectionPod, boolean]>([
    ["host network", { hostNetwork: true }, false],
    ["a mirror pod", { annotations: { "kubernetes.io/config.mirror": "" } }, false],
    ["Windows by os", { os: "windows" }, false],
    ["Windows by node selector", { nodeSelector: { "kubernetes.io/os": "windows" } }, false],
    ["but Linux by both", { os: "linux", nodeSelector: { "kubernetes.io/os": "linux" } }, true],
    ["but a network of its own", { hostNetwork: false }, true],
  ])("%s", (_what, pod, injected) => {
    expect(isToBeInjected(namespace("enabled"), pod, meshPlace)).toBe(injected);
  });
});

describe("whose namespace is not the mesh's", () => {
  test.each<[string, InjectionNamespace]>([
    ["without the label", { name: "shop", annotations: wishing("enabled") }],
    ["another mesh's", namespace("enabled", "other")],
    ["the system's", namespace("enabled", "osm", "kube-system")],
    ["the mesh's own", namespace("enabled", "osm", "osm-system")],
  ])("%s: whatever the pod says", (_what, where) => {
    expect(isInMesh(where, meshPlace)).toBe(false);
    expect(isToBeInjected(where, { annotations: wishing("enabled") }, meshPlace)).toBe(false);
  });
});
