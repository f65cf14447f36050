import { describe, expect, test } from "vitest";
import { decodePod, decodePoke, pokeText } from "#lib/kube/pod-reader.ts";
import { decodeSidecarConfigMap, sidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { annotations, labels } from "#lib/mesh/names.ts";
import { configAtRest } from "../../scripted/world-at-rest.ts";

const digest = "off-0123456789abcdef0123456789abcdef";
const startedAt = "2026-11-01T12:00:00Z";

function pod({
  metadata = {},
  spec = {},
  statuses = [{ name: "envoy", state: { running: { startedAt } } }] as unknown,
} = {}) {
  return {
    metadata: { namespace: "shop", name: "web-1", uid: "u", ...metadata },
    spec: {
      serviceAccountName: "web",
      initContainers: [{ name: "osm-init" }, { name: "envoy", restartPolicy: "Always" }],
      volumes: [{ name: "x" }, { name: "osm-sidecar-config", configMap: { name: "osm-sidecar.web" } }],
      ...spec,
    },
    status: { initContainerStatuses: statuses },
  };
}

const decoded = {
  namespace: "shop",
  name: "web-1",
  uid: "u",
  account: "web",
  configMap: "osm-sidecar.web",
  terminating: false,
  sidecarStartedAtMs: Date.parse(startedAt),
  poke: undefined,
};

/** But for what its two containers show of who made them: injected-parts.test.ts. */
function seen(object: object) {
  const { injected: _, ...rest } = decodePod(object) ?? {};
  return rest;
}

describe("a pod", () => {
  test.each([
    ["injected", {}, {}],
    ["on its way out", { metadata: { deletionTimestamp: "x" } }, { terminating: true }],
    ["without an account", { spec: { serviceAccountName: undefined } }, { account: "default" }],
    [
      "poked",
      { metadata: { annotations: { [annotations.poke]: `${digest} ${startedAt}` } } },
      { poke: { digest, atMs: Date.parse(startedAt) } },
    ],
    [
      "waiting for its sidecar",
      { statuses: [{ name: "envoy", state: { waiting: {} } }] },
      { sidecarStartedAtMs: undefined },
    ],
    ["not looked at by its kubelet yet", { statuses: undefined as unknown as [] }, {}],
    [
      "whose other init container runs",
      { statuses: [{ name: "osm-init", state: { running: { startedAt } } }] },
      { sidecarStartedAtMs: undefined },
    ],
    [
      "running since an unknown time",
      { statuses: [{ name: "envoy", state: { running: {} } }] },
      { sidecarStartedAtMs: 0 },
    ],
  ])("%s", (_, difference, expected) => {
    expect(seen(pod(difference))).toEqual({ ...decoded, ...expected });
  });

  test("whose containers are outside the guarantee: the reasons, and nothing of what they come from", () => {
    const containers = [{ name: "app", securityContext: { runAsUser: 1500, allowPrivilegeEscalation: false } }];
    expect(seen(pod({ spec: { containers } }))).toEqual({
      ...decoded,
      outside: [{ code: "SidecarUser", containers: ["app"] }],
    });
  });

  test.each([
    ["no init containers", { initContainers: undefined }],
    ["a container of that name that is no sidecar", { initContainers: [{ name: "envoy" }] }],
    ["another sidecar", { initContainers: [{ name: "proxy", restartPolicy: "Always" }] }],
    ["no volume", { volumes: [] }],
    ["a volume of that name without a ConfigMap", { volumes: [{ name: "osm-sidecar-config" }] }],
  ])("with %s is none of ours", (_, spec) => expect(decodePod(pod({ spec }))).toBeUndefined());

  test("without a status is ours, and does not run yet", () => {
    expect(seen({ ...pod(), status: undefined })).toEqual({ ...decoded, sidecarStartedAtMs: undefined });
  });
});

test("a poke comes back from its text", () => {
  const poke = { digest, atMs: 1_700_000_000_123 };
  expect(decodePoke(pokeText(poke))).toEqual(poke);
  expect(decodePoke(pokeText({ ...poke, unverified: true }))).toEqual({ ...poke, unverified: true });
});

test.each([
  undefined,
  "",
  digest,
  `${digest} yesterday`,
  `${digest.slice(1)} ${startedAt}`,
  `${digest.toUpperCase()} ${startedAt}`,
  `${digest}  ${startedAt}`,
])("%j is no poke", (text) => expect(decodePoke(text)).toBeUndefined());

const running = { egress: true, permissive: false, inMeshCidrs: [] };
const write = {
  account: { namespace: "shop", name: "web" },
  name: "osm-sidecar.web",
  config: configAtRest(),
  changesFiles: true,
};

function stored(difference: Readonly<Record<string, string | undefined>> = {}, name = "osm-sidecar.web") {
  const { metadata, ...rest } = sidecarConfigMap(write, running, 7, "osm");
  const notes = { ...(metadata["annotations"] as object), ...difference };
  const labelled = metadata["labels"];
  return {
    ...rest,
    metadata: {
      ...metadata,
      labels: labelled,
      name,
      resourceVersion: "5",
      creationTimestamp: startedAt,
      annotations: notes,
    },
  };
}

const read = {
  namespace: "shop",
  name: "osm-sidecar.web",
  resourceVersion: "5",
  createdAtMs: Date.parse(startedAt),
  account: "web",
  files: configAtRest().files,
  settings: running,
  fencing: 7,
};

describe("a sidecar ConfigMap", () => {
  test("is read as it was written, and carries the label that it is found by", () => {
    expect(decodeSidecarConfigMap(stored())).toEqual(read);
    expect(stored().metadata.labels).toEqual({ [labels.sidecarConfig]: "osm" });
  });

  test.each([
    ["7", 7],
    [undefined, 0],
    ["", 0],
    ["-1", 0],
    ["1.5", 0],
    ["x", 0],
    ["1073741824", 1_073_741_824],
    ["1073741825", 0],
    ["9007199254740992", 0],
  ])("fencing %j is %i", (text, fencing) => {
    expect(decodeSidecarConfigMap(stored({ [annotations.fencing]: text }))).toEqual({ ...read, fencing });
  });

  const owned = (manager: string, operation: string, time: string, fields: object) => ({
    manager,
    operation,
    time,
    fieldsV1: fields,
  });
  const applied = owned("osm-reconciler", "Apply", "2026-01-01T00:00:00Z", {
    "f:data": { "f:cds.json": {}, "f:rds.json": {} },
  });
  const written = (object: object, ...managedFields: readonly object[]) => ({
    ...stored(),
    ...object,
    metadata: { ...stored().metadata, managedFields },
  });

  test("names who wrote a field last where the reconciler does not own it any more, and when each wrote", () => {
    const stranger = owned("kubectl-edit", "Update", "2026-01-02T00:00:00Z", { "f:data": { "f:lds.json": {} } });
    expect(decodeSidecarConfigMap(written({}, applied, stranger))).toEqual({
      ...read,
      appliedAt: "2026-01-01T00:00:00Z",
      writers: { "data.lds.json": { manager: "kubectl-edit", at: "2026-01-02T00:00:00Z" } },
    });
  });

  test("an owner beside the reconciler has altered nothing", () => {
    const beside = owned("flux", "Apply", "2026-01-02T00:00:00Z", { "f:data": { "f:cds.json": {} } });
    expect(decodeSidecarConfigMap(written({}, applied, beside))).not.toHaveProperty("writers");
  });

  test("immutable counts where it is true: nothing of ours would ever take false back", () => {
    const stranger = owned("kubectl-patch", "Update", "2026-01-02T00:00:00Z", { "f:immutable": {} });
    expect(decodeSidecarConfigMap(written({ immutable: false }, applied, stranger))).not.toHaveProperty("writers");
    expect(decodeSidecarConfigMap(written({ immutable: true }, applied, stranger))).toMatchObject({
      immutable: true,
      writers: { immutable: { manager: "kubectl-patch" } },
    });
  });

  test.each(["9999-12-31T23:59:59-23:59", "yesterday", ""])(
    "a time of %j, which no status may carry, is left out",
    (time) => {
      const stranger = owned("mallory", "Update", time, { "f:data": { "f:lds.json": {} } });
      expect(decodeSidecarConfigMap(written({}, applied, stranger))?.writers).toEqual({
        "data.lds.json": { manager: "mallory" },
      });
    },
  );

  test("with settings that no reconciler wrote has none", () => {
    expect(decodeSidecarConfigMap(stored({ [annotations.settings]: "{}" }))).toEqual({ ...read, settings: undefined });
  });

  test.each([
    ["no account", { [annotations.account]: undefined }, "osm-sidecar.web"],
    ["another account's name", { [annotations.account]: "db" }, "osm-sidecar.web"],
    ["a name of somebody's own", {}, "mine"],
  ])("with the label and %s is none of ours", (_, difference, name) => {
    expect(decodeSidecarConfigMap(stored(difference, name))).toBeUndefined();
  });

  test("whose data somebody took away has no files", () => {
    expect(decodeSidecarConfigMap({ ...stored(), data: undefined })).toEqual({ ...read, files: {} });
  });
});
