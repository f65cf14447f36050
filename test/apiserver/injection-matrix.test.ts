import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { meshInjection } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { printManifest } from "#lib/cli/inject/kubectl-yaml.ts";
import { canonicalJson, type Json } from "#lib/envoy/canonical-json.ts";
import { injectedParts, type PodWithParts } from "#lib/kube/injected-parts.ts";
import { annotations } from "#lib/mesh/names.ts";
import { sidecarConfigName } from "#lib/mesh/sidecar-config-name.ts";
import { sidecarReasons } from "#lib/rollout/outside-guarantee.ts";
import { hasExclusions } from "#lib/rollout/restart/outdated.ts";
import { isFull } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { podSpecWithDetours } from "#test/pod-specs.ts";
import { connectAs, mergePatch } from "./api.ts";
import {
  type Admitted,
  admit,
  admitInjected,
  admitText,
  injectedText,
  manifest,
  type Pair,
  prepare,
  specOf,
  valueOf,
} from "./both-ways.ts";
import { captureRow, longAccount, matrix, never } from "./pod-matrix.ts";
import { serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const plain: Pair = { member: "im-mesh", bare: "im-bare" };
const limited: Pair = { member: "im-limited", bare: "im-limited-bare" };
const partly: Pair = { member: "im-partly", bare: "im-partly-bare" };
const storage: Pair = { member: "im-storage", bare: "im-storage-bare" };
const long: Pair = { member: `im-${"m".repeat(60)}`, bare: `im-${"b".repeat(60)}` };

const mesh = {
  image: defaults.images.sidecar,
  excludedRanges: ["10.1.0.0/16", "192.0.2.1/32"],
  excludedPorts: [6379],
};

const numRuns = isFull ? 1_000 : 60;

/** In both of the pair. That there was none the server remembers for up to 30 s. */
async function limitRange({ member, bare }: Pair, limits: object): Promise<void> {
  for (const namespace of [member, bare]) {
    const response = await admin.send({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/limitranges`,
      body: { apiVersion: "v1", kind: "LimitRange", metadata: { name: "limits" }, spec: { limits: [limits] } },
    });
    expect(response.status).toBe(201);
    await eventually(
      `the LimitRange in ${namespace} counts`,
      async () => {
        const { annotations: given } = await admit(namespace, manifest({}));
        return given?.["kubernetes.io/limit-ranger"] !== undefined;
      },
      { withinMs: 60_000 },
    );
  }
}

beforeAll(async () => {
  await prepare([plain, limited, partly, storage, long], (inNamespace) =>
    ["web", longAccount].map((name) => serviceAccount(inNamespace, name)),
  );
  await limitRange(limited, { type: "Container", default: { cpu: "100m", memory: "64Mi" }, max: { cpu: "4" } });
  await limitRange(partly, { type: "Container", default: { memory: "64Mi" }, defaultRequest: { cpu: "10m" } });
  await limitRange(storage, { type: "Container", default: { cpu: "1", "ephemeral-storage": "1Gi" } });
  const spec = {
    configNames: { [longAccount]: sidecarConfigName(longAccount) },
    excludedRanges: mesh.excludedRanges,
    excludedPorts: mesh.excludedPorts,
  };
  expect((await mergePatch(admin, meshInjection(defaults), { spec })).status).toBe(200);
  await eventually("the parameter is read", async () => {
    const { spec } = await admit(plain.member, manifest({ serviceAccountName: longAccount }));
    return spec.initContainers?.[0]?.args?.includes("6379") ?? false;
  });
});

/** Other files of the run share the object. */
afterAll(async () => {
  const nothing = { configNames: null, excludedRanges: null, excludedPorts: null };
  expect((await mergePatch(admin, meshInjection(defaults), { spec: nothing })).status).toBe(200);
});

/** A pod without what injection has put before its own. */
function withoutOurs({ spec }: Admitted): unknown {
  const { initContainers = [], volumes = [], ...rest } = spec;
  return { ...rest, initContainers: initContainers.slice(2), volumes: volumes.slice(2) };
}

const names = ({ spec }: Admitted) => (spec.initContainers ?? []).map(({ name }) => name);

describe.each([plain, long])("in namespace $member", (pair) => {
  test.each([...matrix, captureRow])(
    "$what: injected, all else as without, and the same by osm inject",
    async ({ spec, name, annotations: given }) => {
      const pod = manifest(spec, given, name);
      const [bare, byPolicy, byHand] = [
        await admit(pair.bare, pod),
        await admit(pair.member, pod),
        await admitInjected(pair, pod),
      ];
      expect(names(byPolicy).slice(0, 2)).toEqual(["osm-init", "envoy"]);
      expect(withoutOurs(byPolicy)).toEqual({ initContainers: [], volumes: [], ...bare.spec });
      expect(byHand).toEqual(byPolicy);
      const parts = injectedParts({
        metadata: { annotations: given ?? {} },
        spec: byPolicy.spec,
      } as unknown as PodWithParts);
      expect(sidecarReasons(parts, mesh)).toEqual([]);
      expect([parts.hasOurArguments, hasExclusions(parts, mesh)]).toEqual([true, true]);
      expect(byPolicy.qosClass).toBe(bare.qosClass === "BestEffort" ? "Burstable" : bare.qosClass);
    },
  );
});

test.each(never)("$what: never injected, either way", async ({ spec, annotations: given = {} }) => {
  const pod = manifest(spec, { [annotations.injection]: "enabled", ...given });
  const byPolicy = await admit(plain.member, pod);
  expect(byPolicy).toEqual(await admit(plain.bare, pod));
  expect(await admitInjected(plain, pod)).toEqual(byPolicy);
});

describe("what osm inject prints", () => {
  test("is what the API server stores: nothing of ours is left to its defaults", async () => {
    const text = await injectedText(plain.member, printManifest(manifest({})));
    const { spec } = await admit(plain.member, manifest({}));
    const ours = (of: Admitted["spec"]) =>
      canonicalJson([of.initContainers?.slice(0, 2), of.volumes?.slice(0, 2)] as unknown as Json);
    expect(ours(specOf(text))).toBe(ours(spec));
  });

  test("the token stays away from our containers, though they come before it", async () => {
    const { spec } = await admitInjected(plain, manifest({}));
    const mounts = (spec.initContainers ?? []).flatMap(
      (container) => container.volumeMounts?.map((mount) => mount.name) ?? [],
    );
    expect(mounts).not.toContain("kube-api-access-x");
    expect(spec.containers[0]?.volumeMounts?.map((mount) => mount.name)).toContain("kube-api-access-x");
  });

  test("is left as it is where the policy acts too", async () => {
    const text = await injectedText(plain.member, printManifest(manifest({})));
    expect(await admit(plain.member, manifest(specOf(text)))).toEqual(await admit(plain.member, manifest({})));
  });

  test("texts that kubectl alone would take for numbers stay texts", async () => {
    const args = [
      "-_0",
      "+_1",
      "0_x1F",
      "0X1F",
      "-0X1f",
      "+0o17",
      "0O17",
      "0B1",
      "-0B1",
      "1__0",
      "-_1.5",
      "0o1_7",
      "._5",
    ];
    const pod = manifest({
      containers: [{ name: "app", image: "x", args, env: args.map((name) => ({ name, value: name })) }],
    });
    const { spec } = await admit(plain.bare, pod);
    expect(spec.containers[0]).toMatchObject({ args, env: args.map((name) => ({ name, value: name })) });
  });

  test("is read from YAML as kubectl reads it", async () => {
    const text = [
      "apiVersion: v1",
      "kind: Pod",
      "metadata: {name: subject, annotations: {a: 'yes', b: \"0644\"}}",
      "spec:",
      "  automountServiceAccountToken: off",
      "  containers:",
      "  - {name: app, image: x, args: [., 12:30:45, 2001-01-01, '1e3', \"on\", =]}",
      "  volumes:",
      "  - {name: a, configMap: {name: c, defaultMode: 0644}}",
      "  - {name: b, configMap: &same {name: c, defaultMode: 0x1A4}}",
      "  - name: d",
      "    configMap: {<<: *same, optional: yes}",
      "  - {name: e, configMap: {name: c, defaultMode: 0X1A4}}",
      "  - {name: f, configMap: {name: c, defaultMode: +0o644}}",
      "",
    ].join("\n");
    const byHand = await admitText(plain.bare, await injectedText(plain.member, text));
    expect(withoutOurs(byHand)).toEqual({ initContainers: [], ...(await admitText(plain.bare, text)).spec });
  });
});

describe("of whatever makes pods", () => {
  const template = { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "app", image: "app:1" }] } };
  const metadata = { name: "subject" };

  test.each<[string, object, readonly (string | number)[]]>([
    ["Deployment", { apiVersion: "apps/v1", spec: { template } }, ["spec", "template"]],
    ["ReplicaSet", { apiVersion: "apps/v1", spec: { template } }, ["spec", "template"]],
    ["StatefulSet", { apiVersion: "apps/v1", spec: { template } }, ["spec", "template"]],
    ["DaemonSet", { apiVersion: "apps/v1", spec: { template } }, ["spec", "template"]],
    ["ReplicationController", { apiVersion: "v1", spec: { template } }, ["spec", "template"]],
    ["Job", { apiVersion: "batch/v1", spec: { template } }, ["spec", "template"]],
    [
      "CronJob",
      { apiVersion: "batch/v1", spec: { jobTemplate: { spec: { template } } } },
      ["spec", "jobTemplate", "spec", "template"],
    ],
    [
      "List",
      { apiVersion: "v1", items: [{ apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { template } }] },
      ["items", 0, "spec", "template"],
    ],
    ["PodList", { apiVersion: "v1", items: [template] }, ["items", 0]],
  ])("%s: the pod that it makes is the policy's", async (kind, object, path) => {
    const printed = valueOf(await injectedText(plain.member, printManifest({ kind, metadata, ...object })));
    const made = [...path, "spec"].reduce((at, key) => (at as Record<string | number, unknown>)[key], printed);
    expect(await admit(plain.bare, manifest(made as object))).toEqual(
      await admit(plain.member, manifest(template.spec)),
    );
  });
});

describe("where a LimitRange gives limits", () => {
  test.each([limited, partly])("in $member: the same either way, and in the class that it was", async (pair) => {
    for (const row of matrix.filter(({ spec }) => !("resources" in spec))) {
      const pod = manifest(row.spec, row.annotations, row.name);
      const byPolicy = await admit(pair.member, pod);
      expect(names(byPolicy).slice(0, 2)).toEqual(["osm-init", "envoy"]);
      expect([row.what, await admitInjected(pair, pod)]).toEqual([row.what, byPolicy]);
      expect([row.what, byPolicy.qosClass]).toEqual([row.what, (await admit(pair.bare, pod)).qosClass]);
    }
  });
});

describe("what comes between", () => {
  const ours = ({ spec }: Admitted) => (spec.initContainers ?? []).slice(0, 2).map((container) => container.resources);

  test("a LimitRange's defaults for other resources: only out of osm inject ours get them, and nothing else differs", async () => {
    const [byPolicy, byHand] = [await admit(storage.member, manifest({})), await admitInjected(storage, manifest({}))];
    expect(JSON.stringify(ours(byPolicy))).not.toContain("ephemeral-storage");
    expect(JSON.stringify(ours(byHand))).toContain("ephemeral-storage");
    const same = byHand.spec.initContainers?.map((container, at) => {
      return at < 2 ? { ...container, resources: ours(byPolicy)[at] } : container;
    });
    expect({ ...byHand.spec, initContainers: same }).toEqual(byPolicy.spec);
  });

  test("a LimitRange's maximum refuses the pod with a budget of its own, within which ours have no limit", async () => {
    const budgeted = manifest({ resources: { limits: { cpu: "1", memory: "1Gi" } } });
    expect((await admit(limited.bare, budgeted)).qosClass).toBe("Guaranteed");
    await expect(admit(limited.member, budgeted)).rejects.toThrow("maximum cpu usage per Container is 4");
  });
});

/** A pod that the policy refuses, either way, is none. */
const refused = "refused";

/** @throws whatever is not about what leads past the capture */
async function unlessRefused(admitting: Promise<Admitted>): Promise<Admitted | typeof refused> {
  try {
    return await admitting;
  } catch (error) {
    if (/past the capture|only letters, digits/.test(String(error))) return refused;
    throw error;
  }
}

test("any pod: by the policy and by osm inject it is the same, or refused", { timeout: 600_000 }, async () => {
  const seen = { refused: 0, admitted: 0 };
  await fc.assert(
    fc.asyncProperty(podSpecWithDetours, async (spec) => {
      const pod = manifest(spec);
      const byPolicy = await unlessRefused(admit(plain.member, pod));
      seen[byPolicy === refused ? "refused" : "admitted"] += 1;
      const bare = { initContainers: [], volumes: [], ...(await admit(plain.bare, pod)).spec };
      expect(byPolicy === refused ? bare : withoutOurs(byPolicy)).toEqual(bare);
      expect(await unlessRefused(admitInjected(plain, pod))).toEqual(byPolicy);
    }),
    { numRuns },
  );
  // Of sixty pods each comes up.
  expect(Object.values(seen)).not.toContain(0);
});
