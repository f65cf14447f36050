import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { maxBackoffMs } from "#lib/kube/watch-cursor.ts";
import { eventually } from "#test/eventually.ts";
import { ensureKubernetesBinary } from "../../../tools/setup/kubernetes-binary.ts";
import { type ApiServer, startApiServer } from "../server.ts";
import { compact } from "./etcd.ts";
import { bindRoleOnly, type Mesh, openMesh, prepareMesh } from "./mesh.ts";
import { type BreakableProxy, startProxy } from "./proxy.ts";
import { type Received, type Running, run } from "./running.ts";

// A server of its own: it is restarted here.
const home = mkdtempSync(join(tmpdir(), "osm-forwarder-"));
let server: ApiServer;
let proxy: BreakableProxy;
let mesh: Mesh;
let forwarder: Running;

/** By kubeconfig, as the command does it: how long idle connections are kept is part of what is tried here. */
function connect(url: string, identity: string): KubeConnection {
  const caData = Buffer.from(server.certificateAuthority).toString("base64");
  const contents = {
    clusters: [{ name: "a", cluster: { server: url, "certificate-authority-data": caData } }],
    users: [{ name: "a", user: { token: server.tokens[identity] } }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  };
  const kubeconfig = join(home, "kubeconfig");
  writeFileSync(kubeconfig, JSON.stringify(contents), { mode: 0o600 });
  return openKubeconfig({ kubeconfig });
}
const isConfig = ({ kind }: Received) => kind === "ConfigMap";

beforeAll(async () => {
  server = await startApiServer(await ensureKubernetesBinary((line) => console.error(line)), {
    admin: { user: "admin", groups: ["system:masters"] },
    forwarder: { user: "forwarder", groups: [] },
    deaf: { user: "deaf", groups: [] },
  });
  const admin = connect(server.url, "admin");
  await prepareMesh(admin, "forwarder");
  await bindRoleOnly(admin, "deaf");
  mesh = openMesh(admin);
  await mesh.createPod("web", true);
  await mesh.createPod("plain", false);
  proxy = await startProxy(server.url);
});
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
  rmSync(home, { recursive: true });
});
beforeEach(async () => {
  forwarder = run(connect(proxy.url, "forwarder"));
  await forwarder.next(0, isConfig, 5_000);
});
afterEach(() => forwarder.stop());

describe("with the forwarder's own rights", () => {
  test("a start is one event, and nothing is refused", async () => {
    await forwarder.quiet(1_500);
    expect(forwarder.received.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["ConfigMap osm-config"]);
    expect(forwarder.warnings).toEqual([]);
  });

  test("every change of osm-config is an event of its own, with its author, at once", async () => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    const startedMs = performance.now();
    for (let flip = 0; flip < 10; flip++)
      await mesh.patchConfig({ egress: flip % 2 === 0 ? "true" : "false" }, "kubectl-patch");
    await forwarder.quiet(500);
    const events = forwarder.received.slice(from);
    expect(events.map(({ detail }) => detail["actor"])).toEqual(Array(10).fill("kubectl-patch"));
    expect(new Set(events.map(({ detail }) => detail["resourceVersion"])).size).toBe(10);
    expect((events.at(-1)?.atMs ?? Infinity) - startedMs).toBeLessThan(2_000);
  });

  test.each<[what: string, act: () => Promise<void>, kind: string]>([
    ["a mesh namespace", () => mesh.createNamespace("new", { "openservicemesh.io/monitored-by": "osm" }), "Namespace"],
    ["a Service in it", () => mesh.createService("new", "web"), "Service"],
    ["a pod with a sidecar", () => mesh.createPod("api", true), "Pod"],
    ["its readiness", () => mesh.setPodReady("api", true), "Pod"],
  ])("%s wakes", async (_what, act, kind) => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    await act();
    await forwarder.next(from, (one) => one.kind === kind, 15_000);
  });

  test.each<[what: string, act: () => Promise<void>]>([
    [
      "our own annotation",
      () => mesh.annotatePod("web", { "openservicemesh.io/sidecar-config-digest": `${Date.now()}` }),
    ],
    ["a pod without a sidecar", () => mesh.setPodReady("plain", true)],
    ["a Service outside the mesh", () => mesh.createService("other", "web")],
    ["a namespace outside the mesh", () => mesh.createNamespace("elsewhere")],
  ])("%s does not", async (_what, act) => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    await act();
    await forwarder.quiet(1_500);
    expect(forwarder.received.slice(from)).toEqual([]);
  });

  test("churn is at most one event a second, and does not delay osm-config", async () => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    const startedMs = performance.now();
    let flippedMs = 0;
    for (let change = 0; change < 150; change++) {
      await mesh.setPodReady("web", change % 2 === 0);
      if (change === 75) {
        flippedMs = performance.now();
        await mesh.patchConfig({ egress: "true", note: `${change}` });
      }
    }
    const flip = await forwarder.next(from, isConfig, 15_000);
    expect(flip.atMs - flippedMs).toBeLessThan(500);
    await forwarder.quiet(1_500);
    const pods = forwarder.received.slice(from).filter(({ kind }) => kind === "Pod");
    const seconds = (performance.now() - startedMs) / 1000;
    expect(pods.length).toBeGreaterThan(0);
    expect(pods.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  });
});

describe("whether it is well", () => {
  const lease = (name: string) => `/apis/coordination.k8s.io/v1/namespaces/osm-system/leases/${name}`;

  test("it says in its Lease, by the API server's clock, with its own rights", async () => {
    await forwarder.stop();
    await mesh.forgetHealth();
    forwarder = run(connect(proxy.url, "forwarder"), "well");
    const health = await eventually("the Lease is renewed", () => mesh.health());
    expect(health.holderIdentity).toBe("well");
    expect(Math.abs(Date.parse(health.renewTime) - Date.now())).toBeLessThan(30_000);
    expect(forwarder.warnings).toEqual([]);
  });

  test("it does not say while a watch is refused", async () => {
    await forwarder.stop();
    await mesh.forgetHealth();
    const deaf = run(connect(proxy.url, "deaf"), "deaf");
    await deaf.next(0, isConfig, 5_000);
    await eventually("the others are refused", () => deaf.warnings.some((one) => one.includes("watch interrupted")));
    await deaf.quiet(4_000);
    expect(await mesh.health()).toBeUndefined();
    await deaf.stop();
    // The right that it had was enough: what it lacked was something to say.
    forwarder = run(connect(proxy.url, "forwarder"));
    await eventually("the Lease is renewed", () => mesh.health());
  });

  test.each<readonly [string, "PATCH" | "POST" | "PUT" | "DELETE", string]>([
    ["make another Lease", "PATCH", lease("osm-reconciler")],
    ["make one that it does not name", "POST", lease("").slice(0, -1)],
    ["replace its own", "PUT", lease("osm-forwarder")],
    ["delete its own", "DELETE", lease("osm-forwarder")],
  ])("it may not %s", async (_what, method, path) => {
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: path.split("/").at(-1) } };
    const refused = await connect(server.url, "forwarder").send({
      method,
      path,
      ...(method === "PATCH"
        ? { query: { fieldManager: "x", force: true }, contentType: "application/apply-patch+yaml" }
        : {}),
      ...(method === "DELETE" ? {} : { body }),
    });
    expect(refused.status).toBe(403);
  });
});

describe("what breaks", () => {
  test("connections are reset: it resumes without a list, and a change made meanwhile is told", async () => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    proxy.refuse();
    await mesh.patchConfig({ egress: "false", note: "while cut" });
    proxy.allow();
    await forwarder.next(from, isConfig, maxBackoffMs + 5_000);
    await forwarder.quiet(1_500);
    expect(forwarder.received.slice(from).filter(({ kind }) => kind.endsWith("List"))).toEqual([]);
  });

  test("connections fall silent: the change is told within the life of a stream, 30 s at most", async () => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    expect(proxy.open()).toBeGreaterThan(0);
    proxy.freeze();
    await mesh.patchConfig({ note: "while silent" });
    await forwarder.next(from, isConfig, 32_000);
  });

  test("the API server restarts: everything is told again, and the next change too", async () => {
    await forwarder.quiet(1_500);
    let from = forwarder.received.length;
    await server.restart();
    await mesh.patchConfig({ note: "after the restart" });
    await forwarder.next(from, isConfig, 30_000);
    await forwarder.quiet(1_500);
    from = forwarder.received.length;
    await mesh.setPodReady("web", true);
    await mesh.setPodReady("web", false);
    await forwarder.next(from, ({ kind }) => kind === "Pod", 30_000);
  });

  test("etcd is compacted while it is away (410): it lists again and sends one event", async () => {
    await forwarder.quiet(1_500);
    const from = forwarder.received.length;
    proxy.refuse();
    for (let change = 0; change < 20; change++) await mesh.setPodReady("web", change % 2 === 0);
    await compact(server.etcdUrl);
    await server.restart();
    const away = forwarder.received.length;
    proxy.allow();
    // It waits twice: until it tries again, and once more because the version that it knew is gone.
    const isExpired = (one: string) => one.includes("[version-expired] watch pods");
    const withinMs = maxBackoffMs + 5_000;
    await eventually("the version of pods is gone", () => forwarder.warnings.some(isExpired), { withinMs });
    // Of the lists of one second the first names the event, which may be here before its warning is read.
    await forwarder.next(away, ({ kind }) => kind.endsWith("List"), withinMs);
    // Other kinds may be listed later, and an event that tells of several has the first one's name.
    const isHeard = async () => {
      await forwarder.quiet(1_500);
      const listed = forwarder.received.length;
      await mesh.setPodReady("web", true);
      await mesh.setPodReady("web", false);
      return forwarder.next(listed, ({ kind }) => kind.startsWith("Pod"), maxBackoffMs + 5_000);
    };
    await eventually("a change of the pod is told", isHeard, { withinMs: 2 * withinMs });
    expect(forwarder.received.slice(from).filter(({ kind }) => kind === "ConfigMap").length).toBeLessThanOrEqual(1);
  });
});

test("what was changed while no forwarder ran is told by the next start", async () => {
  await forwarder.stop();
  await mesh.patchConfig({ note: "nobody looks" }, "night-shift");
  const next = run(connect(proxy.url, "forwarder"));
  const event = await next.next(0, isConfig, 5_000);
  await next.stop();
  expect(event.detail["resourceVersion"]).toBeDefined();
});
