import { expect, test } from "vitest";
import { clusterPorts } from "#lib/kube/cluster-ports.ts";
import { type KubeConnection, type KubeRequest, maxInFlight } from "#lib/kube/connection.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import { configAtRest } from "../../scripted/world-at-rest.ts";

interface Answered {
  readonly status: number;
  readonly message?: string;
}

/** Says what it was asked, and answers one after the other. */
function answering(...answers: Answered[]) {
  const asked: string[] = [];
  const bodies: unknown[] = [];
  const connection: KubeConnection = {
    server: "https://cluster.test",
    async send({ method, path, body }: KubeRequest) {
      asked.push(`${method} ${path}`);
      bodies.push(body);
      const next = answers.shift();
      if (!next) throw new Error(`${method} ${path}: not expected`);
      return { status: next.status, text: JSON.stringify({ message: next.message ?? "" }), serverTimeMs: undefined };
    },
    async *stream() {},
  };
  return { connection, asked, bodies };
}

const path = "/api/v1/namespaces/shop/configmaps/osm-sidecar.web";
const patch = `PATCH ${path}`;
const remove = `DELETE ${path}`;
const immutable = {
  status: 422,
  message: 'ConfigMap "osm-sidecar.web" is invalid: data: Forbidden: field is immutable when `immutable` is set',
};
const write = {
  account: { namespace: "shop", name: "web" },
  name: "osm-sidecar.web",
  config: configAtRest(),
  changesFiles: true,
};
const running = { egress: false, permissive: true, inMeshCidrs: [] };

test.each<readonly [string, readonly Answered[], readonly string[], string]>([
  ["that is free", [{ status: 200 }], [patch], "done"],
  ["made immutable since it was seen: left for another look", [immutable], [patch], "object-conflict"],
  ["invalid for another reason", [{ status: 422, message: "data: Too long" }], [patch], "api-invalid"],
  [
    "that a later pass has written",
    [{ status: 403, message: "denied request: overtaken: fencing number 6 is older than 7" }],
    [patch],
    "object-conflict",
  ],
  ["that may not be written", [{ status: 403, message: "no right" }], [patch], "api-forbidden"],
  ["in a namespace that is gone", [{ status: 404 }], [patch], "gone"],
])("a ConfigMap %s", async (_, answers, requests, outcome) => {
  const { connection, asked } = answering(...answers);
  const ports = clusterPorts(connection, meshPlace, "me");
  const came = await ports
    .applyConfigMap(write, running, 7)
    .catch((error: { readonly reason: string }) => error.reason);
  expect(came).toBe(outcome);
  expect(asked).toEqual(requests);
});

test.each<readonly [string, readonly Answered[], readonly string[], string]>([
  ["as it was seen", [{ status: 200 }, { status: 201 }], [remove, patch], "done"],
  ["written since, by a pass with a higher number", [{ status: 409 }], [remove], "object-conflict"],
  ["deleted since", [{ status: 404 }], [remove], "object-conflict"],
  ["made immutable again at once", [{ status: 200 }, immutable], [remove, patch], "object-conflict"],
  [
    "in a namespace that is going",
    [{ status: 200 }, { status: 403, message: "namespace shop because it is being terminated" }],
    [remove, patch],
    "gone",
  ],
])("an immutable ConfigMap %s is deleted only as it was seen", async (_, answers, requests, outcome) => {
  const { connection, asked, bodies } = answering(...answers);
  const came = await clusterPorts(connection, meshPlace, "me")
    .applyConfigMap({ ...write, replaces: "41" }, running, 7)
    .catch((error: { readonly reason: string }) => error.reason);
  expect(came).toBe(outcome);
  expect(asked).toEqual(requests);
  expect(bodies[0]).toEqual({ preconditions: { resourceVersion: "41" } });
});

test("what waits for its turn when the pass ends is not sent, and what comes after it is", async () => {
  const slow = Promise.withResolvers<void>();
  let sent = 0;
  const connection: KubeConnection = {
    server: "https://cluster.test",
    async send() {
      sent++;
      await slow.promise;
      return { status: 200, text: "{}", serverTimeMs: undefined };
    },
    async *stream() {},
  };
  const ports = clusterPorts(connection, meshPlace, "me");
  const writes = Array.from({ length: maxInFlight + 10 }, () => ports.applyConfigMap(write, running, 7));
  const outcomes = Promise.allSettled(writes);
  await new Promise((resolve) => setImmediate(resolve));
  ports.end();
  slow.resolve();
  expect((await outcomes).filter(({ status }) => status === "rejected")).toHaveLength(10);
  expect(sent).toBe(maxInFlight);
  expect(await ports.applyConfigMap(write, running, 7)).toBe("done");
});

test("a pass tells at its end, in one line, what was tried again, and nothing when nothing was", async () => {
  const { connection } = answering({ status: 503 }, { status: 429 }, { status: 404 });
  const lines: unknown[] = [];
  const log = { warn: (...line: unknown[]) => void lines.push(line) };
  const ports = clusterPorts(connection, meshPlace, "me", { log });
  expect(await ports.leaseNumber()).toBeUndefined();
  expect(lines).toEqual([]);
  ports.end();
  const what = "GET /apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-reconciler";
  const troubles = [`${what}: status 503`, `${what}: status 429`];
  expect(lines).toEqual([["requests were tried again", { tries: 2, troubles }]]);
  ports.end();
  expect(lines.length).toBe(1);
});
