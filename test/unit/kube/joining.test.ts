import { expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { readJoiningWorkloads } from "#lib/kube/joining-workloads.ts";
import { readNamespaceLimits } from "#lib/kube/namespace-limits.ts";
import { sidecar } from "#lib/mesh/names.ts";

/** An API server of these collections, by how their paths end. */
function listing(collections: Readonly<Record<string, readonly object[]>>): KubeConnection {
  return {
    server: "https://api",
    send: async ({ path }) => ({
      status: 200,
      text: JSON.stringify({ items: collections[path.split("/").at(-1) ?? ""] ?? [] }),
      serverTimeMs: undefined,
    }),
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
}

const template = { spec: { containers: [{ name: "app" }] } };
const spec = { template };

test("each maker of pods once: not what another makes, nor what has ended", async () => {
  const owned = (controller: boolean) => [{ apiVersion: "v1", kind: "X", name: "x", uid: "1", controller }];
  const found = await readJoiningWorkloads(
    listing({
      deployments: [{ metadata: { name: "web" }, spec }],
      replicasets: [
        { metadata: { name: "web-1", ownerReferences: owned(true) }, spec },
        { metadata: { name: "kept", ownerReferences: owned(false) }, spec },
      ],
      jobs: [
        { metadata: { name: "done" }, spec, status: { completionTime: "2026-01-01T00:00:00Z" } },
        { metadata: { name: "running" }, spec, status: {} },
      ],
      cronjobs: [{ metadata: { name: "nightly" }, spec: { jobTemplate: { spec } } }],
      replicationcontrollers: [{ metadata: { name: "empty" }, spec: {} }],
    }),
    "shop",
  );
  expect(found.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "Deployment web",
    "ReplicaSet kept",
    "Job running",
    "CronJob nightly",
  ]);
  expect(found.map(({ pod }) => pod)).toEqual([template, template, template, template]);
});

test("limits with their LimitRange's name, quotas with all their scopes, and pods that have no sidecar yet", async () => {
  const injected = {
    initContainers: [{ name: sidecar.container, restartPolicy: "Always" }],
    volumes: [{ name: sidecar.volume, configMap: { name: "osm-sidecar.default" } }],
  };
  const hard = { "limits.cpu": "1" };
  const scopeSelector = { matchExpressions: [{ scopeName: "PriorityClass", operator: "Exists" }] };
  const found = await readNamespaceLimits(
    listing({
      limitranges: [{ metadata: { name: "small" }, spec: { limits: [{ type: "Pod" }, { type: "Container" }] } }],
      resourcequotas: [
        { metadata: { name: "all" }, spec: { hard }, status: { used: { "limits.cpu": "0" } } },
        { metadata: { name: "some" }, spec: { hard, scopes: ["NotBestEffort"], scopeSelector } },
      ],
      pods: [
        { metadata: { name: "plain" }, spec: {} },
        { metadata: { name: "injected" }, spec: injected },
        { metadata: { name: "going", deletionTimestamp: "2026-01-01T00:00:00Z" }, spec: {} },
      ],
    }),
    "shop",
  );
  expect(found).toEqual({
    limits: [
      { name: "small", type: "Pod" },
      { name: "small", type: "Container" },
    ],
    quotas: [
      { name: "all", scopes: [], hard, used: { "limits.cpu": "0" } },
      { name: "some", scopes: ["NotBestEffort", "PriorityClass"], hard, used: {} },
    ],
    pods: 1,
  });
});
