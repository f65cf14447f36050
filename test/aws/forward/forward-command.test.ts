import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { type Mesh, openMesh, prepareMesh } from "#test/apiserver/forwarder/mesh.ts";
import { type ApiServer, startApiServer } from "#test/apiserver/server.ts";
import { eventually } from "#test/eventually.ts";
import { bundle } from "../../../tools/bundle.ts";
import { ensureKubernetesBinary } from "../../../tools/setup/kubernetes-binary.ts";
import { region } from "../eks-record.ts";
import { startEmulator } from "../emulator.ts";
import { freePort, loopbackPlace } from "../place.ts";
import { createOwnBus, type OwnBus, type ReceivedEvent } from "./bus-of-its-own.ts";

/** The command as the pod runs it: bundled, a process of its own, its settings in the environment. */
let server: ApiServer;
let mesh: Mesh;
let bus: OwnBus;
let forwarder: ChildProcess;
let output = "";
const undo: (() => Promise<unknown>)[] = [];

const received: ReceivedEvent[] = [];
async function receiveUntil(matches: (one: ReceivedEvent) => boolean, withinMs: number): Promise<void> {
  const isReceived = async () => {
    if (!received.some(matches)) received.push(...(await bus.receive()));
    return received.some(matches);
  };
  await eventually("the event", isReceived, { withinMs, everyMs: 0, tell: () => `the forwarder said:\n${output}` });
}
const lines = () =>
  output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { level: string; message: string; trouble?: string });

beforeAll(async () => {
  const [binary, place, port] = await Promise.all([
    ensureKubernetesBinary(),
    loopbackPlace(),
    freePort("127.0.0.1"),
    bundle(["osm"]),
  ]);
  undo.push(() => place.remove());
  server = await startApiServer(binary, {
    admin: { user: "admin", groups: ["system:masters"] },
    forwarder: { user: "forwarder", groups: [] },
  });
  undo.push(() => server.stop());
  const caData = Buffer.from(server.certificateAuthority).toString("base64");
  const admin = openTokenConnection({ server: server.url, caData, token: async () => server.tokens["admin"] ?? "" });
  await prepareMesh(admin, "forwarder");
  mesh = openMesh(admin);

  const state = join(place.directory, "state");
  mkdirSync(state);
  const emulator = await startEmulator(place, port, state);
  undo.push(() => emulator.stop());
  const endpoint = `http://${place.address}:${port}`;
  bus = await createOwnBus(endpoint, "forwarded");

  const kubeconfig = join(place.directory, "kubeconfig");
  const cluster = { server: server.url, "certificate-authority-data": caData };
  const contents = {
    clusters: [{ name: "a", cluster }],
    users: [{ name: "a", user: { token: server.tokens["forwarder"] } }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  };
  writeFileSync(kubeconfig, JSON.stringify(contents), { mode: 0o600 });
  forwarder = spawn(process.execPath, ["dist/osm.mjs", "forward", "--kubeconfig", kubeconfig], {
    env: {
      OSM_EVENT_BUS_NAME: bus.name,
      OSM_CLUSTER_NAME: "test",
      AWS_REGION: region,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: bus.sender.accessKeyId,
      AWS_SECRET_ACCESS_KEY: bus.sender.secretAccessKey,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [forwarder.stdout, forwarder.stderr])
    stream?.setEncoding("utf8").on("data", (text) => (output += text));
});
afterAll(async () => {
  forwarder?.kill("SIGKILL");
  for (const step of undo.reverse()) await step();
});

test("its start is one event on the bus", async () => {
  await receiveUntil(({ detail }) => detail.object.name === "osm-config", 60_000);
  expect(received).toHaveLength(1);
  expect(received[0]).toMatchObject({
    source: "osm.forwarder",
    detail: {
      metadata: { cluster: "test" },
      object: { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" },
    },
  });
});

test("a change of osm-config arrives with its author", async () => {
  await mesh.patchConfig({ egress: "true" }, "kubectl-patch");
  await receiveUntil(({ detail }) => detail.actor === "kubectl-patch", 30_000);
});

test("what EventBridge refuses goes again until it is in", async () => {
  await bus.forbid();
  await mesh.patchConfig({ egress: "false" }, "first");
  await mesh.patchConfig({ egress: "true" }, "second");
  await mesh.patchConfig({ egress: "false" }, "third");
  await eventually("a warning", () => lines().some(({ level }) => level === "warn"));
  await bus.allow();
  await receiveUntil(({ detail }) => detail.actor === "third", 60_000);
  expect(lines().filter(({ trouble }) => trouble?.includes("[aws-forbidden]"))).not.toEqual([]);
  const actors = new Set(received.map(({ detail }) => detail.actor));
  expect([...actors]).toEqual(expect.arrayContaining(["first", "second", "third"]));
});

test("SIGTERM ends it at once, with all events in and no secret in its log", async () => {
  const startedMs = performance.now();
  forwarder.kill("SIGTERM");
  const [code] = (await once(forwarder, "exit")) as [number | null];
  expect(code).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(lines().at(-1)).toMatchObject({ message: "stopped", waiting: 0 });
  for (const secret of [bus.sender.secretAccessKey, server.tokens["forwarder"] ?? "none"])
    expect(output).not.toContain(secret);
});
