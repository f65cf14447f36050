import { beforeAll, describe, expect, test } from "vitest";
import { injectedContainers } from "#deploy/injection/containers.ts";
import { podPolicy, podPolicyBinding } from "#deploy/injection/pod-policy.ts";
import { injectionBinding, injectionPolicy } from "#deploy/injection/policy.ts";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { decodeNamespace, decodeSidecarPod } from "#lib/kube/sidecar-pods.ts";
import { isToBeInjected } from "#lib/mesh/injection-rule.ts";
import { annotations, meshPlace } from "#lib/mesh/names.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create, mergePatch, messageOf, remove } from "./api.ts";
import { serveMeshInjection } from "./installation.ts";
import { appContainer, namespace, pod, type StoredPod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const longAccount = "a".repeat(245);
const parameter = meshInjection(defaults);

const namespaces = [
  namespace("in-on", "enabled"),
  namespace("in-off", "disabled"),
  namespace("in-plain"),
  namespace("in-typo", "enabeld"),
  namespace("in-unlabelled", "enabled", false),
];

/** What the rule says that looks at pods which run already. */
function isToBe(object: KubeObject): boolean {
  const its = namespaces.find(({ metadata }) => metadata.name === object.metadata.namespace);
  const { injection } = decodeSidecarPod(object) ?? {};
  if (!its || !injection) throw new Error(`no namespace of the tests: ${object.metadata.namespace}`);
  return isToBeInjected(decodeNamespace(its), injection, meshPlace);
}

/** What the API server would store. */
async function admitted(object: KubeObject): Promise<StoredPod> {
  const response = await create(admin, object, true);
  expect([response.status, response.status === 201 ? "" : messageOf(response)]).toEqual([201, ""]);
  return bodyOf<StoredPod>(response);
}

function isInjected(stored: StoredPod): boolean {
  const names = (stored.spec.initContainers ?? []).map((container) => container.name);
  return names[0] === "osm-init" && names[1] === "envoy";
}

/** Changes the parameter, and waits until the policy sees the change. */
async function withParameter(spec: object, seen: (stored: StoredPod) => boolean): Promise<void> {
  expect((await mergePatch(admin, parameter, { spec })).status).toBe(200);
  await eventually("the policy reads the changed parameter", async () => seen(await admitted(pod("in-on"))));
}

beforeAll(async () => {
  await serveMeshInjection(admin, defaults);
  await applyAll(admin, [
    parameter,
    podPolicy(),
    injectionPolicy(),
    podPolicyBinding(defaults),
    injectionBinding(defaults),
    ...namespaces,
  ]);
  for (const { metadata } of namespaces) await applyAll(admin, [serviceAccount(metadata.name)]);
  await applyAll(admin, [serviceAccount("in-on", longAccount), serviceAccount("in-on", "b".repeat(241))]);
  await eventually("the policies are in force", async () => {
    const injected = await create(admin, pod("in-on"), true);
    const refused = await create(admin, pod("in-typo"), true);
    return refused.status === 422 && injected.status === 201 && isInjected(bodyOf<StoredPod>(injected));
  });
});

describe("who is injected", () => {
  test.each([
    // namespace, the pod's annotation, injected
    ["in-on", undefined, true],
    ["in-on", "", true],
    ["in-on", "enabled", true],
    ["in-on", "disabled", false],
    ["in-on", "Disabled", false],
    ["in-on", "no", false],
    ["in-off", undefined, false],
    ["in-off", "enabled", true],
    ["in-off", "yes", true],
    ["in-plain", undefined, false],
    ["in-plain", "enabled", true],
    ["in-plain", "true", true],
    ["in-plain", "false", false],
    ["in-typo", "enabled", true],
    ["in-typo", "disabled", false],
    ["in-unlabelled", undefined, false],
    ["in-unlabelled", "enabled", false],
  ])("namespace %s, pod %j: %j", async (where, wish, injected) => {
    const object = pod(where, {}, wish === undefined ? {} : { [annotations.injection]: wish });
    const stored = await admitted(object);
    expect(isInjected(stored)).toBe(injected);
    expect(isToBe(object)).toBe(injected);
    expect(stored.spec.initContainers?.length ?? 0).toBe(injected ? 2 : 0);
  });

  test.each([
    ["in-on", "disabeld"],
    ["in-plain", "on"],
    ["in-typo", undefined],
  ])("namespace %s, pod %j: neither yes nor no is refused", async (where, wish) => {
    const refused = await create(
      admin,
      pod(where, {}, wish === undefined ? {} : { [annotations.injection]: wish }),
      true,
    );
    expect(refused.status).toBe(422);
    expect(messageOf(refused)).toContain(
      `annotation ${annotations.injection} on the pod or its namespace: must be enabled or disabled`,
    );
  });

  test.each([
    ["host network", { hostNetwork: true }, {}],
    ["Windows by os", { os: { name: "windows" } }, {}],
    ["Windows by node selector", { nodeSelector: { "kubernetes.io/os": "windows" } }, {}],
  ])("never: %s", async (_what, spec, more) => {
    const object = pod("in-on", spec, { [annotations.injection]: "enabled", ...more });
    expect((await admitted(object)).spec.initContainers).toBeUndefined();
    expect(isToBe(object)).toBe(false);
  });

  test("never: a mirror pod", async () => {
    // Only a kubelet may write one, and only for its own node.
    const mirror = pod(
      "in-on",
      { nodeName: "n", automountServiceAccountToken: false },
      { "kubernetes.io/config.mirror": "x" },
    );
    const stored = await admitted(mirror);
    expect(stored.spec.initContainers).toBeUndefined();
    expect(isToBe(mirror)).toBe(false);
  });

  test("Linux said in so many words is injected", async () => {
    const object = pod("in-on", { os: { name: "linux" }, nodeSelector: { "kubernetes.io/os": "linux" } });
    expect(isInjected(await admitted(object))).toBe(true);
    expect(isToBe(object)).toBe(true);
  });
});

describe("what is injected", () => {
  test("the containers equal what the one rendering source gives for plain values", async () => {
    const stored = await admitted(pod("in-on"));
    const resources = {
      limits: { memory: "256Mi" },
      requests: { cpu: "50m", memory: "96Mi" },
    };
    expect(stored.spec.initContainers).toEqual(
      injectedContainers({
        image: defaults.images.sidecar,
        logLevel: "error",
        excludedRanges: "",
        excludedPorts: "",
        allowUdp: "false",
        resources,
        configName: "osm-sidecar.default",
      }),
    );
  });

  test("capture is root and the sidecar uid 1500 whatever the pod says for all", async () => {
    const stored = await admitted(
      pod("in-on", {
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      }),
    );
    expect(stored.spec.initContainers?.map((container) => container.securityContext)).toMatchObject([
      { runAsUser: 0, runAsNonRoot: false },
      { runAsUser: 1500, runAsNonRoot: true },
    ]);
  });

  test("the account's ConfigMap is mounted, and no token", async () => {
    const stored = await admitted(pod("in-on"));
    expect(stored.spec.volumes?.find((volume) => volume.name === "osm-sidecar-config")?.configMap?.name).toBe(
      "osm-sidecar.default",
    );
    const where = "/var/run/secrets/kubernetes.io/serviceaccount";
    expect(
      stored.spec.initContainers?.map((container) =>
        container.volumeMounts?.map(({ name, mountPath }) => [name, mountPath]),
      ),
    ).toEqual([
      [["osm-sidecar-config", where]],
      [
        ["osm-sidecar-config", "/etc/osm-sidecar"],
        ["osm-sidecar-run", "/run/osm-sidecar"],
        ["osm-sidecar-config", where],
      ],
    ]);
    expect(stored.spec.containers[0]?.volumeMounts?.map((mount) => mount.mountPath)).toEqual([where]);
  });

  test("an account of 241 characters has its ConfigMap by its whole name", async () => {
    const stored = await admitted(pod("in-on", { serviceAccountName: "b".repeat(241) }));
    expect(stored.spec.volumes?.[0]?.configMap?.name).toBe(`osm-sidecar.${"b".repeat(241)}`);
  });

  test("a longer one waits for its name in the parameter, and then has it", async () => {
    const longer = pod("in-on", { serviceAccountName: longAccount });
    expect((await create(admin, longer, true)).status).toBeGreaterThanOrEqual(400);
    await mergePatch(admin, parameter, { spec: { configNames: { [longAccount]: sidecarConfigName(longAccount) } } });
    await eventually("the name is read", async () => (await create(admin, longer, true)).status === 201);
    const stored = await admitted(longer);
    expect(stored.spec.volumes?.[0]?.configMap?.name).toBe(sidecarConfigName(longAccount));
  });
});

describe("what the pod brings stays", () => {
  const rich = {
    name: "prepare",
    image: "prepare:1",
    command: ["sh", "-c", 'echo "$(HOME)" \\ "\'"'],
    env: [{ name: "NUMBER", value: "1" }, { name: "EMPTY" }],
    ports: [{ containerPort: 8080 }],
    resources: { requests: { cpu: "1500m", "ephemeral-storage": "1Gi" } },
    livenessProbe: { tcpSocket: { port: "named" }, initialDelaySeconds: 3 },
    restartPolicy: "Always",
    securityContext: { capabilities: { add: ["SYS_TIME"] } },
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
  const volumes = [
    { name: "scratch", emptyDir: {} },
    {
      name: "all",
      projected: {
        sources: [
          {
            downwardAPI: {
              items: [
                { path: "cpu", resourceFieldRef: { containerName: "app", resource: "limits.cpu", divisor: "1m" } },
              ],
            },
          },
        ],
      },
    },
  ];

  test("init containers and volumes are the same as without injection, behind ours", async () => {
    const bare = await admitted(
      pod("in-off", { initContainers: [rich], volumes, automountServiceAccountToken: false }),
    );
    const stored = await admitted(
      pod("in-on", { initContainers: [rich], volumes, automountServiceAccountToken: false }),
    );
    expect(isInjected(stored)).toBe(true);
    expect(stored.spec.initContainers?.slice(2)).toEqual(bare.spec.initContainers);
    expect(stored.spec.volumes?.slice(2)).toEqual(bare.spec.volumes);
    expect(stored.spec.containers).toEqual(bare.spec.containers);
  });

  test.each([
    ["an init container", { initContainers: [{ name: "envoy", image: "mine:1" }] }],
    ["an init sidecar", { initContainers: [{ name: "envoy", image: "mine:1", restartPolicy: "Always" }] }],
    ["an app container", { containers: [{ name: "envoy", image: "mine:1" }] }],
  ])("%s merely named envoy does not pass for ours: the pod is refused for the duplicate", async (_what, spec) => {
    const refused = await create(admin, pod("in-on", spec), true);
    expect(refused.status).toBe(422);
    expect(messageOf(refused)).toContain('Duplicate value: "envoy"');
  });

  test("a volume of our name is refused as a duplicate", async () => {
    const refused = await create(
      admin,
      pod("in-on", { volumes: [{ name: "osm-sidecar-config", emptyDir: {} }] }),
      true,
    );
    expect(refused.status).toBe(422);
    expect(messageOf(refused)).toContain('Duplicate value: "osm-sidecar-config"');
  });

  test("a copy of a live pod is the same pod again", async () => {
    const live = await admitted(pod("in-on", { initContainers: [rich], volumes }));
    const copy = await admitted({ ...pod("in-on"), spec: live.spec });
    expect(copy.spec).toEqual(live.spec);
  });

  test("containers that only claim to be ours are refused, or with all that goes with them rendered anew, first", async () => {
    const forged = [
      { name: "early", image: "mine:1" },
      { name: "osm-init", image: "mine:1", command: ["true"] },
      { name: "envoy", image: "mine:1", command: ["sleep", "1000"], restartPolicy: "Always" },
    ];
    expect((await create(admin, pod("in-on", { initContainers: forged }), true)).status).toBe(422);
    const ownVolumes = ["osm-sidecar-config", "osm-sidecar-run"].map((name) => ({ name, emptyDir: {} }));
    const stored = await admitted(pod("in-on", { initContainers: forged, volumes: ownVolumes }));
    const honest = await admitted(pod("in-on"));
    expect(stored.spec.volumes?.slice(0, 2)).toEqual(honest.spec.volumes?.slice(0, 2));
    expect(stored.spec.initContainers?.slice(0, 2)).toEqual(honest.spec.initContainers);
    expect(stored.spec.initContainers?.slice(2).map((container) => container.name)).toEqual(["early"]);
  });
});

describe("resources", () => {
  const sized = (limits: object, requests?: object) => ({
    containers: [{ ...appContainer, resources: { limits, ...(requests ? { requests } : {}) } }],
  });
  const ours = async (spec: object) => {
    const stored = await admitted(pod("in-on", spec));
    return {
      resources: stored.spec.initContainers?.slice(0, 2).map((container) => container.resources),
      qos: stored.status.qosClass,
    };
  };
  const both = (resources: object) => [resources, resources];

  test.each([
    [
      "Guaranteed stays Guaranteed",
      sized({ cpu: "2", memory: "1Gi" }),
      { cpu: "500m", memory: "256Mi" },
      { cpu: "500m", memory: "256Mi" },
      "Guaranteed",
    ],
    [
      "CPU limited without being Guaranteed",
      sized({ cpu: "2", memory: "1Gi" }, { cpu: "1" }),
      { cpu: "500m", memory: "256Mi" },
      { cpu: "50m", memory: "96Mi" },
      "Burstable",
    ],
    ["no CPU limit", sized({ memory: "1Gi" }), { memory: "256Mi" }, { cpu: "50m", memory: "96Mi" }, "Burstable"],
    ["nothing said", {}, { memory: "256Mi" }, { cpu: "50m", memory: "96Mi" }, "Burstable"],
  ])("%s", async (_what, spec, limits, requests, qos) => {
    expect(await ours(spec)).toEqual({ resources: both({ limits, requests }), qos });
  });

  test("one unlimited init container is enough to leave ours without a CPU limit", async () => {
    const spec = { ...sized({ cpu: "2", memory: "1Gi" }), initContainers: [{ name: "x", image: "x" }] };
    expect(await ours(spec)).toMatchObject({ resources: both({ limits: { memory: "256Mi" } }) });
  });

  test("a pod with a budget of its own keeps it whole", async () => {
    const spec = { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1", memory: "1Gi" } } };
    expect(await ours(spec)).toEqual({ resources: both({}), qos: "Guaranteed" });
  });
});

describe("the parameter", () => {
  test("exclusions, log level, resources and image reach the next pod", async () => {
    await withParameter(
      {
        excludedRanges: ["10.1.0.0/16", "192.0.2.1/32"],
        excludedPorts: [6379, 5432],
        envoyLogLevel: "debug",
        sidecarResources: { cpuRequest: "10m", memoryRequest: "64Mi", memoryLimit: "128Mi" },
        images: { sidecar: "mirror/osm-egress/sidecar:9" },
      },
      (stored) => stored.spec.initContainers?.[0]?.image === "mirror/osm-egress/sidecar:9",
    );
    const stored = await admitted(pod("in-on"));
    expect(stored.spec.initContainers).toEqual(
      injectedContainers({
        image: "mirror/osm-egress/sidecar:9",
        logLevel: "debug",
        excludedRanges: "10.1.0.0/16,192.0.2.1/32",
        excludedPorts: "6379,5432",
        allowUdp: "false",
        resources: { limits: { memory: "128Mi" }, requests: { cpu: "10m", memory: "64Mi" } },
        configName: "osm-sidecar.default",
      }),
    );
  });

  test.each([
    { excludedRanges: ["10.0.0.0/33"] },
    { excludedRanges: ["::/0"] },
    { excludedRanges: ["0.0.0.0/0; id"] },
    { serviceRanges: ["fd00::/108"] },
    { systemServices: ["10.96.0.1"] },
    { excludedPorts: [0] },
    { excludedPorts: [65536] },
    { envoyLogLevel: "loud" },
    { sidecarResources: { cpuRequest: "much" } },
    { images: { sidecar: "" } },
  ])("%j is refused by its schema", async (spec) => {
    expect((await mergePatch(admin, parameter, { spec })).status).toBe(422);
  });

  test("deleted, no pod starts uninjected; back, all is as before", async () => {
    expect((await remove(admin, parameter)).status).toBe(200);
    await eventually("pods wait", async () => (await create(admin, pod("in-on"), true)).status >= 400);
    expect((await create(admin, pod("in-unlabelled"), true)).status).toBe(201);
    await applyAll(admin, [parameter]);
    await eventually("pods start again", async () => {
      const response = await create(admin, pod("in-on"), true);
      return response.status === 201 && isInjected(bodyOf<StoredPod>(response));
    });
  });
});
