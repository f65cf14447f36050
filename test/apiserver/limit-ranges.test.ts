import { beforeAll, describe, expect, test } from "vitest";
import { readNamespaceLimits } from "#lib/kube/namespace-limits.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { injectionDefaults } from "#lib/mesh/injection.ts";
import { limitProblems } from "#lib/mesh/limit-fit.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, bodyOf, connectAs, create } from "./api.ts";
import { install } from "./installation.ts";
import { appContainer, namespace, pod, type StoredPod, serviceAccount } from "./pods.ts";

const admin = connectAs("admin");
const sizes = injectionDefaults.sidecarResources;

/** One of each class; within every bound below, where it has limits at all. */
const apps = {
  "pods without CPU limits": { requests: { cpu: "200m", memory: "128Mi" }, limits: { memory: "150Mi" } },
  "pods whose containers all have a CPU limit": {
    requests: { cpu: "200m", memory: "128Mi" },
    limits: { cpu: "300m", memory: "150Mi" },
  },
  "pods of class Guaranteed": {
    requests: { cpu: "200m", memory: "128Mi" },
    limits: { cpu: "200m", memory: "128Mi" },
  },
} as const;
type PodClass = keyof typeof apps;
const [open, limited, guaranteed] = Object.keys(apps) as [PodClass, PodClass, PodClass];
const all = [open, limited, guaranteed];

type Row = readonly [what: string, limit: object, refused: readonly PodClass[], alone: readonly PodClass[]];

/** `alone`: who would be refused without a sidecar too. */
const rows: readonly Row[] = [
  // Who has no CPU limit gets the maximum for one.
  ["max-cpu", { type: "Container", max: { cpu: "400m" } }, all, []],
  ["max-memory", { type: "Container", max: { memory: "200Mi" } }, all, []],
  ["min-cpu", { type: "Container", min: { cpu: "100m" } }, [open, limited], []],
  ["min-memory", { type: "Container", min: { memory: "100Mi" } }, [open, limited], []],
  ["ratio-cpu", { type: "Container", maxLimitRequestRatio: { cpu: "4" } }, [limited], [open]],
  ["ratio-memory", { type: "Container", maxLimitRequestRatio: { memory: "2" } }, [open, limited], []],
  ["pod-memory", { type: "Pod", max: { memory: "256Mi" } }, all, []],
  ["pod-cpu", { type: "Pod", max: { cpu: "500m" } }, [limited, guaranteed], [open]],
  [
    "fitting",
    {
      type: "Container",
      min: { cpu: "50m", memory: "96Mi" },
      max: { cpu: "500m", memory: "256Mi" },
      maxLimitRequestRatio: { cpu: "10" },
    },
    [],
    [],
  ],
  ["fitting-ratio", { type: "Container", maxLimitRequestRatio: { memory: "2.7" } }, [], []],
  ["defaults", { type: "Container", default: { cpu: "300m" } }, [], []],
];

const inMesh = (what: string) => `lr-${what}`;
const outside = (what: string) => `lr-${what}-outside`;

function asked(where: string, podClass: PodClass) {
  return create(admin, pod(where, { containers: [{ ...appContainer, resources: apps[podClass] }] }), true);
}

beforeAll(async () => {
  await install({ imageRegistry: "", strict: false });
  const last = "lr-last";
  for (const where of [...rows.flatMap(([what]) => [inMesh(what), outside(what)]), last]) {
    await applyAll(admin, [namespace(where, "enabled", !where.endsWith("-outside")), serviceAccount(where)]);
  }
  const limitIn = (where: string, limit: object) =>
    expectOk(admin, {
      method: "PATCH",
      path: `/api/v1/namespaces/${where}/limitranges/small`,
      query: { fieldManager: "test" },
      contentType: "application/apply-patch+yaml",
      body: { apiVersion: "v1", kind: "LimitRange", metadata: { name: "small" }, spec: { limits: [limit] } },
    });
  for (const [what, limit] of rows) {
    await limitIn(inMesh(what), limit);
    await limitIn(outside(what), limit);
  }
  await limitIn(last, { type: "Container", max: { memory: "1Mi" } });
  await eventually("limits and injection are in force", async () => {
    const injected = await asked(inMesh("fitting"), limited);
    return (await asked(last, guaranteed)).status === 403 && injected.text.includes('"name":"envoy"');
  });
});

describe("a LimitRange that the sidecar cannot keep to is told before the API server refuses its pods", () => {
  test.each(rows)("%s", async (what, _limit, refused, alone) => {
    const answers = await Promise.all(all.map((podClass) => asked(inMesh(what), podClass)));
    const without = await Promise.all(all.map((podClass) => asked(outside(what), podClass)));
    // By itself: no sidecar is to blame for that.
    expect(all.filter((_it, at) => without[at]?.status === 403)).toEqual(alone);
    expect(all.filter((_it, at) => answers[at]?.status === 403)).toEqual(
      all.filter((it) => refused.includes(it) || alone.includes(it)),
    );
    const problems = limitProblems((await readNamespaceLimits(admin, inMesh(what))).limits, sizes);
    const isTold = (podClass: PodClass) => problems.some((text) => !text.startsWith("for ") || text.includes(podClass));
    expect(all.filter((it) => isTold(it) && !alone.includes(it))).toEqual(refused);
  });
});

test.each(["fitting", "defaults"])("a Guaranteed pod stays so (%s), and no other becomes one", async (what) => {
  const [second, third] = await Promise.all([asked(inMesh(what), limited), asked(inMesh(what), guaranteed)]);
  expect([second, third].map((it) => bodyOf<StoredPod>(it).status.qosClass)).toEqual(["Burstable", "Guaranteed"]);
});
