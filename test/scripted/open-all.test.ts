import { expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import { holdLease } from "#lib/reconcile/hold-lease.ts";
import { type Opened, openAll } from "#lib/reconcile/open-all.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { runPass, startPass, unfinished } from "./pass.ts";
import { scriptedPorts } from "./ports.ts";

const silentLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** As `osm uninstall --force` does it; the Lease is held afterwards. */
function startOpening(cluster: ScriptedCluster): Promise<Opened> {
  const ports = scriptedPorts(cluster, "uninstall");
  return (async () => {
    const lease = await holdLease(ports, 60_000);
    if (!lease) throw new Error("no Lease");
    return openAll(ports, lease, silentLog);
  })();
}
const open = (cluster: ScriptedCluster) => cluster.clock.run(startOpening(cluster));

const allOpen = ["shop/db-1 on", "shop/web-1 on", "shop/web-2 on"];
const fencings = (cluster: ScriptedCluster) => [...cluster.configMaps.values()].map(({ fencing }) => fencing);

test("every sidecar is opened and has answered so, and osm-config is as it was", async () => {
  const cluster = await meshAtRest("off");
  const before = cluster.observe().osmConfig;
  expect(await open(cluster)).toEqual({ total: 3, verified: 3, missing: [] });
  expect(cluster.reality).toEqual(allOpen);
  expect(cluster.observe().osmConfig).toEqual(before);
});

test("also where osm-config is missing", async () => {
  const cluster = await meshAtRest("off");
  cluster.setOsmConfig(undefined);
  expect(await open(cluster)).toMatchObject({ verified: 3 });
  expect(cluster.reality).toEqual(allOpen);
});

test("in a mesh that is on already all are written under the new number, and asked", async () => {
  const cluster = await meshAtRest("on");
  expect(await open(cluster)).toMatchObject({ total: 3, verified: 3 });
  const number = cluster.lease?.transitions;
  expect(fencings(cluster)).toEqual([number, number]);
});

test("nothing inside the mesh stays refused either", async () => {
  const cluster = await meshAtRest("off");
  cluster.services = [
    { namespace: "shop", name: "web", type: "ClusterIP", clusterIP: "10.96.0.7", hasSelector: true, ports: [80] },
  ];
  cluster.setOsmConfig({
    egress: "false",
    permissive_traffic_policy_mode: "false",
    in_mesh_ip_ranges: "10.244.0.0/16",
  });
  await runPass(cluster);
  const listener = () => cluster.configMap("shop/osm-sidecar.web").files["lds.json"];
  expect(listener()).toContain("in-mesh-refused");
  expect(await open(cluster)).toMatchObject({ verified: 3 });
  expect(listener()).not.toContain("in-mesh-refused");
});

test("who does not answer, and who refuses it, is named; the others are open", async () => {
  const cluster = await meshAtRest("off");
  cluster.pod("shop/web-1").stopped = true;
  cluster.pod("shop/db-1").rejecting = true;
  const opened = await open(cluster);
  expect(opened).toMatchObject({ total: 3, verified: 1 });
  expect(opened.missing).toEqual([
    { pod: "shop/db-1", reason: expect.stringContaining("Rejected") },
    { pod: "shop/web-1", reason: expect.stringContaining("NoAnswer") },
  ]);
});

test("a pod that is going is neither waited for nor counted", async () => {
  const cluster = await meshAtRest("off");
  cluster.pod("shop/web-1").terminating = true;
  cluster.pod("shop/web-1").stopped = true;
  const startedMs = cluster.clock.nowMs();
  expect(await open(cluster)).toEqual({ total: 2, verified: 2, missing: [] });
  expect(cluster.clock.nowMs() - startedMs).toBeLessThan(5_000);
});

test("an account that cannot be written ends it, where pods depend on it", async () => {
  const cluster = await meshAtRest("off");
  cluster.refusals.set("shop/osm-sidecar.web", new EgressError("api-forbidden", "exceeded quota"));
  await expect(open(cluster)).rejects.toThrow("could not be written: shop/web: ");
});

test("and where none does, it is left", async () => {
  const cluster = await meshAtRest("off");
  cluster.addAccount("shop", "empty");
  cluster.refusals.set("shop/osm-sidecar.empty", new EgressError("api-forbidden", "exceeded quota"));
  expect(await open(cluster)).toMatchObject({ total: 3, verified: 3 });
});

test("a pass that comes meanwhile writes nothing", async () => {
  const cluster = await meshAtRest("off");
  cluster.pod("shop/db-1").stopped = true;
  const opening = startOpening(cluster);
  cluster.clock.after(5_000, () => {
    cluster.writes = [];
    void startPass(cluster, { kind: "drift" }).catch(unfinished);
  });
  await cluster.clock.run(opening);
  // It comes again and again, and finds the Lease held. The event is the opening's own.
  const others = cluster.writes.filter((line) => !/^(renew|poke|event EgressOpened)/.test(line));
  expect(new Set(others)).toEqual(new Set(["mark"]));
  expect(cluster.pod("shop/web-1").egress).toBe(true);
});

test("a Lease that is lost ends it", async () => {
  const cluster = await meshAtRest("off");
  cluster.pod("shop/db-1").stopped = true;
  const opening = startOpening(cluster);
  cluster.clock.after(5_000, () => {
    const renewedAtMs = cluster.clock.nowMs();
    cluster.lease = { resourceVersion: "9999", holder: "other", transitions: 99, renewedAtMs, marked: false };
  });
  await expect(cluster.clock.run(opening)).rejects.toThrow("somebody else has taken it meanwhile");
});

test("a live holder is waited for, a dead one not for longer than its Lease lasts", async () => {
  const cluster = await meshAtRest("off");
  const renewedAtMs = cluster.clock.nowMs();
  cluster.lease = { resourceVersion: "7", holder: "other", transitions: 9, renewedAtMs, marked: false };
  expect(await open(cluster)).toMatchObject({ verified: 3 });
  expect(cluster.clock.nowMs() - renewedAtMs).toBeGreaterThan(20_000);
  expect(cluster.lease?.transitions).toBe(10);
});

test("one that never lets go is not waited for without end", async () => {
  const cluster = await meshAtRest("off");
  const keepHeld = () => {
    const renewedAtMs = cluster.clock.nowMs();
    cluster.lease = { resourceVersion: "7", holder: "other", transitions: 9, renewedAtMs, marked: false };
    cluster.clock.after(10_000, keepHeld);
  };
  keepHeld();
  expect(await cluster.clock.run(holdLease(scriptedPorts(cluster, "uninstall"), 60_000))).toBeUndefined();
});
