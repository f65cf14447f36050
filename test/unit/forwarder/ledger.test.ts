import { beforeEach, describe, expect, test } from "vitest";
import { type Ledger, openLedger } from "#lib/forwarder/ledger.ts";
import { reduceObject } from "#lib/forwarder/seen-object.ts";
import type { WatchedKind } from "#lib/forwarder/watched.ts";
import { configMap, namespace, type PodDiffers, pod, service } from "./objects.ts";

const osmConfig = { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" } as const;
let ledger: Ledger;

function see(kind: WatchedKind, type: "added" | "modified" | "deleted", decoded: object): boolean {
  const object = reduceObject(kind, decoded);
  return object !== undefined && ledger.see(kind, { kind: type, object }) !== undefined;
}

function list(kind: WatchedKind, ...decoded: object[]): unknown {
  return ledger.see(kind, {
    kind: "listed",
    objects: decoded.map((one) => reduceObject(kind, one)).filter((one) => one !== undefined),
  });
}

beforeEach(() => {
  ledger = openLedger(osmConfig);
  list("Namespace", namespace("shop"));
});

describe("a pod", () => {
  test.each<[what: string, before: PodDiffers, after: PodDiffers, counts: boolean]>([
    ["the same again", {}, {}, false],
    ["our annotation", {}, { annotations: { "openservicemesh.io/sidecar-config-digest": "abc" } }, false],
    ["any annotation", {}, { annotations: { team: "blue" } }, false],
    ["ready", { ready: false }, { ready: true }, true],
    ["no longer ready", {}, { ready: false }, true],
    ["its sidecar starts", { sidecar: undefined, ready: false }, { sidecar: "a", ready: false }, true],
    ["its sidecar stops", { ready: false }, { sidecar: undefined, ready: false }, false],
    ["another sidecar container", { sidecar: "a" }, { sidecar: "b" }, true],
    ["a restart count alone", {}, { restarts: 1 }, false],
    ["it is being deleted", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" }, true],
  ])("%s", (_what, before, after, counts) => {
    see("Pod", "added", pod("web", before));
    expect(see("Pod", "modified", pod("web", after))).toBe(counts);
  });

  test("its sidecar comes back as another container after a stop", () => {
    see("Pod", "added", pod("web", { sidecar: "a" }));
    see("Pod", "modified", pod("web", { sidecar: undefined }));
    expect(see("Pod", "modified", pod("web", { sidecar: "a" }))).toBe(false);
    expect(see("Pod", "modified", pod("web", { sidecar: "b" }))).toBe(true);
  });

  test("creation and deletion count", () => {
    expect(see("Pod", "added", pod("web"))).toBe(true);
    expect(see("Pod", "deleted", pod("web"))).toBe(true);
    expect(see("Pod", "added", pod("web"))).toBe(true);
  });

  test("without a sidecar is nobody's", () => {
    expect(see("Pod", "added", pod("db", { injected: false }))).toBe(false);
    expect(ledger.size).toBe(1);
  });

  test("counts in a namespace that left the mesh", () => {
    see("Namespace", "deleted", namespace("shop"));
    expect(see("Pod", "added", pod("web"))).toBe(true);
  });
});

describe("a Service", () => {
  beforeEach(() => {
    see("Service", "added", service("web"));
  });

  test.each<[what: string, after: Parameters<typeof service>[1], counts: boolean]>([
    ["the same again", {}, false],
    ["its status alone", { status: { loadBalancer: { ingress: [] } } }, false],
    ["bookkeeping alone", { metadata: { resourceVersion: "2", managedFields: [{ manager: "x" }] } }, false],
    ["a port", { spec: { ports: [{ port: 81 }] } }, true],
    ["a label", { metadata: { labels: { a: "b" } } }, true],
    ["an annotation", { metadata: { annotations: { a: "b" } } }, true],
  ])("%s", (_what, after, counts) => {
    expect(see("Service", "modified", service("web", after))).toBe(counts);
  });

  test("in a namespace outside the mesh does not count", () => {
    const elsewhere = service("web", { metadata: { namespace: "other", uid: "other" } });
    expect(see("Service", "added", elsewhere)).toBe(false);
    see("Namespace", "added", namespace("other"));
    expect(see("Service", "modified", elsewhere)).toBe(true);
  });

  test("is forgotten with its namespace", () => {
    expect(ledger.size).toBe(2);
    see("Namespace", "deleted", namespace("shop"));
    expect(ledger.size).toBe(0);
    expect(see("Service", "modified", service("web", { spec: { type: "NodePort" } }))).toBe(false);
  });

  test("counts while the namespaces are not known yet", () => {
    ledger = openLedger(osmConfig);
    expect(see("Service", "added", service("web"))).toBe(true);
  });
});

describe("a list", () => {
  test("counts, whatever it finds", () => {
    expect(list("Pod")).toEqual({ kind: "PodList", name: "*" });
    expect(list("Pod", pod("web"))).toEqual({ kind: "PodList", name: "*" });
  });

  test("of osm-config is told under its name, found or not", () => {
    expect(list("ConfigMap")).toEqual(osmConfig);
    expect(list("ConfigMap", configMap())).toMatchObject({ uid: "cm", resourceVersion: "1" });
  });

  test("forgets what is gone, and is the base of what comes after", () => {
    list("Pod", pod("a"), pod("b"));
    list("Pod", pod("b"));
    expect(ledger.size).toBe(2);
    expect(see("Pod", "modified", pod("b"))).toBe(false);
  });
});

describe("osm-config", () => {
  const managed = (manager: string, time: string, key: string) => ({
    manager,
    time,
    fieldsV1: { "f:data": { [key]: {} } },
  });

  test.each([
    ["every version counts", configMap({ resourceVersion: "2" }), true],
    ["the same version does not", configMap(), false],
  ])("%s", (_what, after, counts) => {
    see("ConfigMap", "added", configMap());
    expect(see("ConfigMap", "modified", after)).toBe(counts);
  });

  test.each([
    ["nobody known", [], undefined],
    [
      "who owns the key",
      [managed("helm", "2026-02-01T00:00:00Z", "f:other"), managed("flux", "2026-01-01T00:00:00Z", "f:egress")],
      "flux",
    ],
    [
      "the last of two owners",
      [managed("a", "2026-01-02T00:00:00Z", "f:egress"), managed("b", "2026-01-01T00:00:00Z", "f:egress")],
      "a",
    ],
  ])("its actor: %s", (_what, managedFields, actor) => {
    expect(reduceObject("ConfigMap", configMap({ managedFields }))?.actor).toBe(actor);
  });
});
