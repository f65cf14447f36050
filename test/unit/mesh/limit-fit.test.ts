import { expect, test } from "vitest";
import { injectionDefaults } from "#lib/mesh/injection.ts";
import { type Limit, limitProblems } from "#lib/mesh/limit-fit.ts";

const sizes = injectionDefaults.sidecarResources;
const guaranteed = "for pods of class Guaranteed, ";
const burstable = "for pods without CPU limits and pods whose containers all have a CPU limit, ";
const limited = "for pods whose containers all have a CPU limit, ";

function limit(more: Partial<Limit>): Limit {
  return { name: "small", type: "Container", ...more };
}

// Which of them an API server refuses: test/apiserver/limit-ranges.test.ts.
test.each<[what: string, limits: readonly Limit[], problems: readonly string[]]>([
  ["none", [], []],
  [
    "a minimum above the requests, in words",
    [limit({ min: { cpu: "0.1" } })],
    [
      `${burstable}LimitRange small: the sidecar's cpu request 50m is below min 0.1: lower min, or raise sidecar_cpu_request in osm-config to 0.1`,
    ],
  ],
  [
    "one above the limit too",
    [limit({ min: { memory: "1Gi" } })],
    [
      `${burstable}LimitRange small: the sidecar's memory request 96Mi is below min 1Gi: lower min, or raise sidecar_memory_request in osm-config to 1Gi`,
      `${guaranteed}LimitRange small: the sidecar's memory request 256Mi is below min 1Gi: lower min, or raise sidecar_memory_request in osm-config to 1Gi`,
    ],
  ],
  [
    "a maximum below the limits, for all pods",
    [limit({ max: { memory: "255Mi", cpu: "499m" } })],
    [
      "LimitRange small: the sidecar's cpu limit 500m is above max 499m: raise max, or leave the namespace out of the mesh",
      "LimitRange small: the sidecar's memory limit 256Mi is above max 255Mi: raise max, or lower sidecar_memory_limit in osm-config",
    ],
  ],
  [
    "a ratio",
    [limit({ maxLimitRequestRatio: { cpu: "9", memory: "2.6" } })],
    [
      `${limited}LimitRange small: the sidecar's cpu limit 500m is more than 9 times its request 50m: raise the ratio, or raise sidecar_cpu_request in osm-config`,
      `${limited}LimitRange small: the sidecar's memory limit 256Mi is more than 2.6 times its request 96Mi: raise the ratio, or raise sidecar_memory_request in osm-config`,
    ],
  ],
  [
    "a pod's maximum",
    [limit({ type: "Pod", max: { memory: "256Mi", cpu: "600m" } })],
    [
      "LimitRange small: the sidecar's memory limit 256Mi leaves nothing of a pod's max 256Mi: raise max, or lower sidecar_memory_limit in osm-config",
    ],
  ],
  [
    "a pod's maximum of CPU, which pods without limits are refused by themselves for",
    [limit({ type: "Pod", max: { cpu: "0.5" } })],
    [
      "for pods whose containers all have a CPU limit and pods of class Guaranteed, LimitRange small: the sidecar's cpu limit 500m leaves nothing of a pod's max 0.5: raise max, or leave the namespace out of the mesh",
    ],
  ],
  [
    "both bounds reached and none passed",
    [limit({ min: { cpu: "50m", memory: "96Mi" }, max: { cpu: "500m", memory: "256Mi" } })],
    [],
  ],
  [
    "where every container gets a CPU limit, none is without",
    [limit({ default: { cpu: "1" }, min: { cpu: "60m" } })],
    [expect.stringMatching(`^${limited}LimitRange small: the sidecar's cpu request 50m`)],
  ],
  [
    "bounds of other things",
    [limit({ min: { "ephemeral-storage": "1Gi" } }), limit({ type: "PersistentVolumeClaim" })],
    [],
  ],
  ["a minimum for claims", [limit({ type: "PersistentVolumeClaim", min: { cpu: "9" } })], []],
])("%s", (_, limits, problems) => {
  expect(limitProblems(limits, sizes)).toEqual(problems);
});

test("every LimitRange counts, and the sizes are the mesh's own", () => {
  const limits = [limit({ name: "one", max: { memory: "300Mi" } }), limit({ name: "two", max: { memory: "600Mi" } })];
  const large = { ...sizes, memoryLimit: "512Mi" };
  expect(limitProblems(limits, large)).toEqual([
    expect.stringContaining("LimitRange one: the sidecar's memory limit 512Mi"),
  ]);
});
