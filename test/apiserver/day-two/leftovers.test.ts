import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, mergePatch } from "../api.ts";
import { namespace, serviceAccount } from "../pods.ts";
import { standIn, workload } from "../stand-in-controller.ts";
import { type CommandLeftovers, leftovers } from "./leftovers.ts";
import { type OwnServer, type Ran, startOwnServer } from "./own-server.ts";
import { type Difference, difference, type Snapshot, settledSnapshot, snapshot } from "./snapshot.ts";

const shop = "shop";
const forwarderLease: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "osm-forwarder", namespace: "osm-system" },
};
const web = workload("Deployment", shop, "web");

let server: OwnServer;
let admin: KubeConnection;
let atFirst: Snapshot;
let stopController: () => Promise<void>;

beforeAll(async () => {
  server = await startOwnServer();
  admin = server.connect();
  await applyAll(admin, [namespace(shop, undefined, false), serviceAccount(shop)]);
  stopController = await standIn(admin, web);
  atFirst = await settledSnapshot(admin);
});
afterAll(async () => {
  try {
    await stopController?.();
  } finally {
    await server?.stop();
  }
});

async function osm(...args: readonly string[]): Promise<Ran> {
  const ran = await server.osm(...args);
  expect([args.join(" "), ran.complained]).toEqual([args.join(" "), ""]);
  return ran;
}

/** What a command has done, once the API server is done with it too. */
async function expectDone(
  before: Snapshot,
  { made = [], changed = [], gone = [] }: Partial<CommandLeftovers>,
): Promise<void> {
  const wanted = { made: made.toSorted(), changed: changed.toSorted(), gone: gone.toSorted() };
  let seen: Difference | undefined;
  const isThere = async () => {
    seen = difference(before, await snapshot(admin));
    return JSON.stringify(seen) === JSON.stringify(wanted);
  };
  await eventually("only that is different", isThere, { withinMs: 8_000 }).catch(() => undefined);
  expect(seen).toEqual(wanted);
}

/** By its controller: `web-N` with what the API server injects now. */
async function replacePod(number: number): Promise<void> {
  await mergePatch(admin, web, { spec: { template: { metadata: { annotations: { replaced: String(number) } } } } });
  await eventually(`web-${number} is there`, async () => (await snapshot(admin)).has(`Pod shop/web-${number}`));
}

const bus = ["--event-bus-name", "bus", "--cluster-name", "shop", "--region", "eu-central-1"];

// Each goes on where the one before it ended.
test("from install to uninstall, object by object", async () => {
  await osm("install", "--strict", ...bus);
  await expectDone(atFirst, leftovers.install);

  const strict = await snapshot(admin);
  await osm("install", "--strict=false");
  await expectDone(strict, leftovers.notStrict);

  const installed = await snapshot(admin);
  await osm("namespace", "add", shop);
  await expectDone(installed, leftovers.add);

  const added = await snapshot(admin);
  await osm("restart", "--outdated");
  await expectDone(added, leftovers.restart);

  const restarted = await snapshot(admin);
  await osm("namespace", "remove", shop);
  await expectDone(restarted, leftovers.remove);

  await replacePod(3);
  // Its last sidecar is gone: takes off the label that was left behind for it.
  await osm("namespace", "remove", shop);
  // As a forwarder that has run leaves it.
  await applyAll(admin, [forwarderLease]);
  const removed = await snapshot(admin);
  const ran = await osm("uninstall");
  expect(ran.exitCode).toBe(0);
  const { gone } = leftovers.uninstall;
  await expectDone(removed, { ...leftovers.uninstall, gone: [...gone, "Lease osm-system/osm-forwarder"] });
});

test("in all, the namespace, osm-config and a restart's annotation are left", async () => {
  const { made, changed, gone } = difference(atFirst, await snapshot(admin));
  expect(made).toEqual(["ConfigMap osm-system/osm-config", "Namespace osm-system", "Pod shop/web-3"]);
  expect(changed).toEqual(["Deployment shop/web"]);
  expect(gone).toEqual(["Pod shop/web-1"]);
});

test("with a sidecar left: by force, and once more when it is gone", async () => {
  await osm("install");
  await osm("namespace", "add", shop);
  await replacePod(4);
  const before = await snapshot(admin);
  expect((await osm("uninstall", "--force")).exitCode).toBe(3);
  await expectDone(before, leftovers.uninstallForced);

  await replacePod(5);
  const forced = await snapshot(admin);
  expect((await osm("uninstall")).exitCode).toBe(0);
  await expectDone(forced, leftovers.uninstallAgain);
});

test("a comparison sees one changed value, and one object too many", async () => {
  const before = await snapshot(admin);
  const mine: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "mine", namespace: shop } };
  await applyAll(admin, [mine]);
  await mergePatch(admin, namespace(shop), { metadata: { labels: { mine: "yes" } } });
  expect(difference(before, await snapshot(admin))).toEqual({
    made: ["ConfigMap shop/mine"],
    changed: ["Namespace shop"],
    gone: [],
  });
});
