import { describe, expect, test } from "vitest";
import {
  decideInjection,
  type InjectionNamespace,
  type InjectionPod,
  isInMesh,
  isToBeInjected,
  missingSidecar,
} from "#lib/mesh/injection-rule.ts";
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

describe("why a pod of the mesh has no sidecar", () => {
  const enabled = namespace("enabled");
  test.each<[string, InjectionNamespace, InjectionPod, string | undefined]>([
    ["it would get one now", enabled, {}, "NoSidecar"],
    ["a spelling that nobody knows is a yes", enabled, { annotations: wishing("enabeld") }, "NoSidecar"],
    ["its own wish", enabled, { annotations: wishing("No") }, "InjectionDisabled"],
    ["its namespace's wish", namespace("disabled"), {}, "NamespaceNotInjected"],
    ["its namespace has none", namespace(), { annotations: wishing("") }, "NamespaceNotInjected"],
    ["its own yes against its namespace", namespace("disabled"), { annotations: wishing("yes") }, "NoSidecar"],
    ["the host's network, whatever it wishes", namespace("disabled"), { hostNetwork: true }, "HostNetwork"],
    ["a file on its node", enabled, { annotations: { "kubernetes.io/config.mirror": "x" } }, "StaticPod"],
    ["Windows", enabled, { os: "windows" }, "Windows"],
    ["it is none of the mesh's", namespace("enabled", "other"), {}, undefined],
    ["it is the system's", namespace("enabled", "osm", "kube-system"), { hostNetwork: true }, undefined],
  ])("%s", (_what, where, pod, code) => {
    expect(missingSidecar(where, pod, meshPlace)).toBe(code);
  });
});

describe("what is said to whoever injects by hand", () => {
  test.each<[string | undefined, InjectionPod, string]>([
    // namespace, pod, not injected:
    [undefined, {}, "neither it nor namespace shop asks for it"],
    ["disabled", {}, "disabled by its namespace's annotation"],
    ["enabled", { annotations: wishing("No") }, "disabled by its own annotation"],
    ["enabled", { hostNetwork: true }, "it is in the host's network"],
    ["enabled", { annotations: { "kubernetes.io/config.mirror": "" } }, "it is a mirror pod"],
    ["enabled", { os: "windows" }, "it is for Windows"],
    ["enabeld", { os: "windows" }, "it is for Windows"],
  ])("namespace %j, pod %j: %s", (inNamespace, pod, why) => {
    expect(decideInjection(namespace(inNamespace), pod, meshPlace)).toEqual({ kind: "leave", why });
  });

  test.each<[string | undefined, string | undefined, string, string]>([
    // namespace, pod, whose wish it is
    ["enabeld", undefined, "enabeld", "namespace"],
    ["enabeld", "", "enabeld", "namespace"],
    ["enabled", " no", " no", "pod"],
    ["disabled", "on", "on", "pod"],
  ])("namespace %j, pod %j: refused for %j of the %s", (inNamespace, onPod, wish, by) => {
    const decision = decideInjection(namespace(inNamespace), { annotations: wishing(onPod) }, meshPlace);
    expect(decision).toEqual({ kind: "refuse", wish, by });
  });

  test("a namespace that is not in the mesh is named", () => {
    const decision = decideInjection({ name: "shop" }, { annotations: wishing("enabeld") }, meshPlace);
    expect(decision).toEqual({ kind: "leave", why: "namespace shop is not in mesh osm" });
  });
});
