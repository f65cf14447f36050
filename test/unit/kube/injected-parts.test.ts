import { expect, test } from "vitest";
import { injectedSpec } from "#deploy/injection/plain.ts";
import { injectedParts, type PodWithParts } from "#lib/kube/injected-parts.ts";
import { annotations } from "#lib/mesh/names.ts";
import type { Exclusions } from "#lib/rollout/observation.ts";

const image = "registry/osm-egress/sidecar:1";

type Part = Readonly<Record<string, unknown>>;
interface Spec {
  readonly serviceAccountName: string;
  readonly containers: readonly { readonly name: string }[];
  readonly initContainers?: readonly Part[];
  readonly volumes?: readonly Part[];
}

/** As `osm inject` makes it, with these exclusions of the mesh. */
function injected(
  given: Readonly<Record<string, string>> = {},
  mesh: { readonly excludedRanges?: readonly string[]; readonly excludedPorts?: readonly number[] } = {},
) {
  const pod = { metadata: { annotations: given }, spec: { serviceAccountName: "web", containers: [{ name: "app" }] } };
  const spec = injectedSpec(
    pod,
    { images: { sidecar: image }, ...mesh },
    { limits: {}, requests: {} },
  ) as unknown as Spec;
  return { metadata: { annotations: given }, spec };
}

const partsOf = (pod: object) => injectedParts(pod as PodWithParts);

/** The same pod with its containers or volumes of these names changed. */
function changed(list: "initContainers" | "volumes", name: string, change: Part): object {
  const { metadata, spec } = injected();
  const items = spec[list]?.map((item) => (item["name"] === name ? { ...item, ...change } : item));
  return { metadata, spec: { ...spec, [list]: items } };
}

test("as the mesh makes it: nothing of another's", () => {
  const open: Exclusions = { ranges: [], ports: [], udp: false };
  expect(partsOf(injected())).toEqual({ images: [image, image], foreign: [], hasOurArguments: true, open });
});

test.each<readonly [string, Part, readonly string[]]>([
  ["osm-init", { command: ["true"] }, ["osm-init command"]],
  ["osm-init", { restartPolicy: "Always" }, ["osm-init restartPolicy"]],
  ["osm-init", { startupProbe: { exec: { command: ["sh"] } } }, ["osm-init startupProbe"]],
  ["osm-init", { securityContext: { runAsUser: 0 } }, ["osm-init securityContext"]],
  ["osm-init", { workingDir: "/tmp" }, ["osm-init workingDir"]],
  ["osm-init", { env: [{ name: "PATH", value: "/mine" }] }, ["osm-init env"]],
  ["envoy", { command: ["/usr/local/bin/envoy", "x"] }, ["envoy command"]],
  ["envoy", { lifecycle: { postStart: { exec: { command: ["sh"] } } } }, ["envoy lifecycle"]],
  ["envoy", { livenessProbe: { exec: { command: ["sh"] } } }, ["envoy livenessProbe"]],
  ["envoy", { readinessProbe: { exec: { command: ["sh"] } } }, ["envoy readinessProbe"]],
  ["envoy", { startupProbe: { exec: { command: ["sh"] } } }, ["envoy startupProbe"]],
  ["envoy", { envFrom: [{ secretRef: { name: "x" } }] }, ["envoy envFrom"]],
  ["envoy", { env: [{ name: "AWS_ROLE_ARN" }, { name: "LD_PRELOAD" }] }, ["envoy env"]],
  ["envoy", { volumeDevices: [{ name: "x", devicePath: "/dev/x" }] }, ["envoy volumeDevices"]],
  ["envoy", { volumeMounts: [] }, ["envoy volumeMounts"]],
  ["envoy", { name: "sidecar" }, ["no envoy", "the order of the two", "its volumes in container sidecar"]],
])("%s with %j: %j", (name, change, foreign) => {
  expect(partsOf(changed("initContainers", name, change)).foreign).toEqual(foreign);
});

test("something mounted over Envoy", () => {
  const own = injected().spec.initContainers?.[1]?.["volumeMounts"] as readonly object[];
  const mounts = (path: string) => ({ volumeMounts: [...own, { name: "x", mountPath: path }] });
  expect(partsOf(changed("initContainers", "envoy", mounts("/usr/local/bin"))).foreign).toEqual(["envoy volumeMounts"]);
  expect(
    partsOf(changed("initContainers", "envoy", mounts("/var/run/secrets/../../../usr/local/bin"))).foreign,
  ).toEqual(["envoy volumeMounts"]);
  // As EKS mounts its tokens into every container.
  const token = mounts("/var/run/secrets/eks.amazonaws.com/serviceaccount");
  expect(partsOf(changed("initContainers", "envoy", token)).foreign).toEqual([]);
});

test("what EKS adds to every container is harmless, and what a version of Kubernetes fills in", () => {
  const env = [{ name: "AWS_STS_REGIONAL_ENDPOINTS" }, { name: "AWS_ROLE_ARN" }];
  const [, envoy] = injected().spec.initContainers ?? [];
  const securityContext = { ...(envoy?.["securityContext"] as object), procMount: "Default" };
  const change = { env, securityContext };
  expect(partsOf(changed("initContainers", "envoy", change)).foreign).toEqual([]);
});

test.each<readonly [string, Part, readonly string[]]>([
  ["osm-sidecar-config", { configMap: { name: "mine" } }, ["volume osm-sidecar-config"]],
  ["osm-sidecar-config", { configMap: { name: "osm-sidecar.db" } }, ["volume osm-sidecar-config"]],
  [
    "osm-sidecar-config",
    { configMap: { name: "osm-sidecar.web", items: [{ key: "x", path: "lds.json" }] } },
    ["volume osm-sidecar-config"],
  ],
  ["osm-sidecar-run", { emptyDir: undefined, hostPath: { path: "/run" } }, ["volume osm-sidecar-run"]],
])("volume %s as %j: %j", (name, change, foreign) => {
  expect(partsOf(changed("volumes", name, change)).foreign).toEqual(foreign);
});

test("an init container before the two", () => {
  const { metadata, spec } = injected();
  const initContainers = [{ name: "first" }, ...(spec.initContainers ?? [])];
  expect(partsOf({ metadata, spec: { ...spec, initContainers } }).foreign).toEqual(["the order of the two"]);
});

test("Envoy's own arguments with any log level are ours, others are not", () => {
  const [, envoy] = injected().spec.initContainers ?? [];
  const args = envoy?.["args"] as readonly string[];
  const given = (changedArgs: readonly string[]) =>
    partsOf(changed("initContainers", "envoy", { args: changedArgs })).hasOurArguments;
  expect(given(args.map((arg) => (arg === "error" ? "debug" : arg)))).toBe(true);
  expect(given(args.map((arg) => (arg === "error" ? "loud" : arg)))).toBe(false);
  expect(given(args.map((arg) => (arg.startsWith("{") ? "{}" : arg)))).toBe(false);
  expect(given([])).toBe(false);
});

test("what the capture lets past, and what of it the pod's annotations say", () => {
  const mesh = { excludedRanges: ["10.0.0.0/8"], excludedPorts: [80, 443] };
  expect(partsOf(injected({}, mesh))).toMatchObject({
    open: { ranges: ["10.0.0.0/8"], ports: ["80", "443"], udp: false },
  });
  const notes = {
    [annotations.excludedRanges]: "192.0.2.1/32, 198.51.100.0/24",
    [annotations.excludedPorts]: "6379",
    [annotations.allowUdp]: "true",
  };
  const { open, own, foreign } = partsOf(injected(notes, mesh));
  expect(own).toEqual({ ranges: ["192.0.2.1/32", "198.51.100.0/24"], ports: ["6379"], udp: true });
  expect(open).toEqual({
    ranges: ["10.0.0.0/8", "192.0.2.1/32", "198.51.100.0/24"],
    ports: ["80", "443", "6379"],
    udp: true,
  });
  expect(foreign).toEqual([]);
});

test.each(["false", "", "0"])("an annotation that refuses UDP, %j, is no wish for it", (value) => {
  expect(partsOf(injected({ [annotations.allowUdp]: value })).own).toBeUndefined();
});

test.each([
  [["", "", "$(AWS_UDP)"]],
  [["$(AWS_RANGES)", "", "false"]],
  [["", "$(AWS_PORTS)", "false"]],
  [["", "", "false", "more"]],
])("arguments of the capture that are not what they look like: %j", (args) => {
  expect(partsOf(changed("initContainers", "osm-init", { args })).foreign).toEqual(["osm-init args"]);
});

test("another container that mounts what is the sidecar's", () => {
  const { metadata, spec } = injected();
  const app = { name: "app", volumeMounts: [{ name: "osm-sidecar-run", mountPath: "/there" }] };
  expect(partsOf({ metadata, spec: { ...spec, containers: [app] } }).foreign).toEqual(["its volumes in container app"]);
});

test("pods of one template share what is known of them", () => {
  expect(partsOf(injected()).foreign).toBe(partsOf(injected()).foreign);
  expect(partsOf(changed("initContainers", "envoy", { image: "x" })).images).toEqual([image, "x"]);
});
