import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { type StandInApiServer, startStandInApiServer } from "../../aws/stand-in-api-server.ts";
import { stepOf } from "./api-step.ts";
import { type ApiFault, nth, together, watchExpired } from "./fault.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

let server: StandInApiServer;
let proxy: FaultProxy;
let connection: KubeConnection;

beforeAll(async () => {
  server = await startStandInApiServer();
  server.answer(({ path }) => ({ status: 200, body: { metadata: { name: path } } }));
  proxy = await startFaultProxy(
    { url: server.endpoint, ca: server.ca },
    { authenticate: (token) => (token === "mine" ? { identity: "me", token: "real" } : undefined) },
  );
  const caData = Buffer.from(proxy.ca).toString("base64");
  connection = openTokenConnection({ server: proxy.url, caData, token: async () => "mine" });
});
afterAll(async () => {
  await proxy.close();
  await server.close();
});
beforeEach(() => {
  proxy.faults = () => undefined;
  proxy.exchanges.length = 0;
});

const get = (path = "/api/v1/pods") => connection.send({ method: "GET", path, timeoutMs: 500 });
/** Requests that came through. */
const passedOn = async (ask: () => Promise<unknown>) => {
  const before = server.requests.length;
  const outcome = await ask().then(
    () => "answered",
    (error: unknown) => String(error),
  );
  return { outcome, passedOn: server.requests.length - before };
};

test("without a fault both sides have what the other sent, and the server knows the client by the right token", async () => {
  expect(JSON.parse((await get("/api/v1/pods/a")).text)).toEqual({ metadata: { name: "/api/v1/pods/a" } });
  expect(server.requests.at(-1)).toMatchObject({ method: "GET", path: "/api/v1/pods/a", token: "real" });
  expect(proxy.exchanges).toMatchObject([{ identity: "me", path: "/api/v1/pods/a", status: 200 }]);
});

describe("each fault", () => {
  test.each<[ApiFault, { outcome: unknown; passedOn: number }]>([
    [
      { kind: "reset", when: "before" },
      { outcome: expect.stringContaining("no answer"), passedOn: 0 },
    ],
    [
      { kind: "reset", when: "after" },
      { outcome: expect.stringContaining("no answer"), passedOn: 1 },
    ],
    [
      { kind: "hang", when: "before" },
      { outcome: expect.stringContaining("no answer"), passedOn: 0 },
    ],
    [
      { kind: "hang", when: "after" },
      { outcome: expect.stringContaining("no answer"), passedOn: 1 },
    ],
    [{ kind: "half" }, { outcome: expect.stringContaining("no answer"), passedOn: 1 }],
    [
      { kind: "slow", forMs: 5_000 },
      { outcome: expect.stringContaining("no answer"), passedOn: 1 },
    ],
    [
      { kind: "slow", forMs: 100 },
      { outcome: "answered", passedOn: 1 },
    ],
  ])("%j", async (fault, expected) => {
    proxy.faults = () => fault;
    expect(await passedOn(get)).toEqual(expected);
  });

  test("an answer of its own, with its headers, as an API server words it", async () => {
    proxy.faults = () => ({ kind: "answer", status: 429, headers: { "retry-after": "1" } });
    const before = server.requests.length;
    const { status, text } = await get();
    expect({ status, kind: (JSON.parse(text) as { kind: string }).kind }).toEqual({ status: 429, kind: "Status" });
    expect(server.requests.length).toBe(before);
  });

  test("a watch is told that its version is gone", async () => {
    proxy.faults = () => watchExpired;
    const lines: string[] = [];
    const request = { method: "GET", path: "/api/v1/pods", query: { watch: true } } as const;
    for await (const line of connection.stream(request, AbortSignal.timeout(2_000))) lines.push(line);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ type: "ERROR", object: { code: 410 } }]);
  });

  test.each([
    ["before", "go on", { outcome: "answered", passedOn: 1 }, 0],
    ["before", "drop", { outcome: expect.stringContaining("no answer"), passedOn: 0 }, 0],
    ["after", "go on", { outcome: "answered", passedOn: 1 }, 1],
    ["after", "drop", { outcome: expect.stringContaining("no answer"), passedOn: 1 }, 1],
  ] as const)("the test is met %s it is passed on, and says: %s", async (when, answer, expected, heardWhenMet) => {
    const before = server.requests.length;
    let heard = -1;
    const meet = async () => {
      heard = server.requests.length - before;
      return answer;
    };
    proxy.faults = () => ({ kind: "meet", when, meet });
    expect(await passedOn(get)).toEqual(expected);
    expect(heard).toBe(heardWhenMet);
  });
});

test("only the nth of those that match is struck", async () => {
  const fault = { kind: "answer", status: 503 } as const;
  proxy.faults = together(
    nth(2, ({ path }) => path.endsWith("/b"), fault),
    nth(1, ({ path }) => path.endsWith("/a"), { kind: "answer", status: 500 }),
  );
  const answers: number[] = [];
  for (const name of ["b", "a", "b", "b", "a"]) answers.push((await get(`/api/v1/${name}`)).status);
  expect(answers).toEqual([200, 500, 503, 200, 200]);
});

describe("requests by what a pass does", () => {
  const lease = "/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/osm-reconciler";
  const rollouts = "/apis/egress.openservicemesh.io/v1alpha1/namespaces/osm-system/egressrollouts/osm-config";
  test.each([
    ["GET", lease, "", "read Lease"],
    ["PUT", lease, '{"spec":{"holderIdentity":"a"}}', "take Lease"],
    ["PUT", lease, '{"spec":{"holderIdentity":""}}', "release Lease"],
    ["PATCH", "/api/v1/namespaces/shop/configmaps/osm-sidecar.web", "", "write ConfigMap"],
    ["GET", "/api/v1/namespaces/osm-system/configmaps/osm-config", "", "read osm-config"],
    ["PATCH", "/api/v1/namespaces/shop/pods/web-1", "", "poke"],
    ["GET", "/api/v1/namespaces/shop/pods/web-1:15010/proxy/stats", "", "ask"],
    ["GET", rollouts, "", "read status"],
    ["PUT", `${rollouts}/status`, "", "write status"],
    ["POST", "/api/v1/namespaces/osm-system/events", "", "write Event"],
    ["GET", "/api/v1/pods", "", "list pods"],
    ["GET", "/api/v1/services", "", "list other"],
  ])("%s %s %s", (method, path, body, expected) => {
    expect(stepOf({ method, path, body, query: new URLSearchParams() })).toBe(expected);
  });
});
