import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileSubscription } from "#lib/envoy/bootstrap.ts";
import { routeConfigName } from "#lib/envoy/routes.ts";
import { type SidecarConfig, sidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { typed } from "#lib/envoy/typed-config.ts";
import { policies } from "./policies.ts";
import { type RunningSidecar, startSidecar } from "./sidecar.ts";

const outside = "198.51.100.7:9000";
const inMesh = "10.96.0.20:80";

let running: RunningSidecar;
beforeAll(async () => {
  running = await startSidecar(config("off-permissive-no-services"));
}, 600_000);
afterAll(() => running?.stop());

function config(name: string): SidecarConfig {
  const policy = policies[name];
  if (!policy) throw new Error(`no policy ${name}`);
  return sidecarConfig(policy);
}

async function reaches(destination: string): Promise<boolean> {
  const connection = await running.open(destination);
  const reached = await connection.echoes("hello");
  connection.socket.destroy();
  return reached;
}

describe("one sidecar takes every configuration after the other, in place", () => {
  test.each(Object.keys(policies))("%s", async (name) => {
    const wanted = config(name);
    const says = await running.run(wanted);
    expect(says).toMatchObject({ listeners: wanted.digest, clusters: wanted.digest, refusedUpdates: 0 });
  });

  test("and back again", async () => {
    for (const name of Object.keys(policies).reverse()) {
      expect((await running.run(config(name))).refusedUpdates).toBe(0);
    }
  });
});

describe("what an app reaches", () => {
  test.each([
    ["off-permissive-one", { [outside]: false, [inMesh]: true, "10.96.0.20:443": false, "10.96.0.99:80": false }],
    ["on-permissive-one", { [outside]: true, [inMesh]: true, "10.96.0.20:443": true, "10.96.0.99:80": true }],
    ["on-policies-one", { [outside]: true, [inMesh]: false, "10.96.0.99:80": true }],
    ["off-policies-many-ports", { [outside]: false, [inMesh]: false, "10.96.0.30:5432": false }],
    ["on-permissive-many-ports", { [outside]: true, [inMesh]: true, "10.96.0.20:443": true, "10.96.0.30:5432": true }],
    [
      "off-permissive-shared-port",
      { "10.96.0.20:80": true, "10.96.0.21:80": true, "10.96.0.22:80": true, "10.96.0.23:80": false },
    ],
    [
      "on-ranges",
      {
        [outside]: true,
        "10.244.3.4:80": false,
        "10.244.3.4:9000": false,
        "10.245.7.9:443": false,
        "10.245.7.8:443": true,
      },
    ],
    [
      "on-permissive-ranges",
      {
        [outside]: true,
        [inMesh]: true,
        "10.244.3.4:80": false,
        "10.245.7.9:80": false,
        "10.245.7.9:9000": false,
        "10.246.0.1:80": true,
      },
    ],
  ])("%s", async (name, destinations) => {
    await running.run(config(name));
    const found: Record<string, boolean> = {};
    for (const destination of Object.keys(destinations)) found[destination] = await reaches(destination);
    expect(found).toEqual(destinations);
  });
});

test("Services that come and go leave every connection alone and drain no chain", async () => {
  await running.run(config("on-permissive-one"));
  await sleep(5_500);
  const connections = [await running.open(outside), await running.open(inMesh)];
  for (const name of ["on-permissive-many-ports", "on-permissive-shared-port", "on-permissive-one"]) {
    expect((await running.run(config(name))).draining, name).toBe(0);
    for (const connection of connections) expect(await connection.echoes(name)).toBe(true);
  }
  for (const { socket } of connections) socket.destroy();
});

test("off cuts a sending connection at once, an idle one by 5.5 s, and none that is in-mesh", {
  timeout: 60_000,
}, async () => {
  await running.run(config("on-permissive-one"));
  const [sending, idle, sendingInMesh, idleInMesh] = await Promise.all(
    [outside, outside, inMesh, inMesh].map(running.open),
  );
  if (!sending || !idle || !sendingInMesh || !idleInMesh) throw new Error("four connections");
  expect(await Promise.all([sending, idle, sendingInMesh, idleInMesh].map((one) => one.echoes("hello")))).not.toContain(
    false,
  );
  const writer = setInterval(() => [sending, sendingInMesh].map(({ socket }) => socket.write("x")), 10);

  expect((await running.ask()).says.openEgress).toBe(2);
  const says = await running.run(config("off-permissive-one"));
  const switchedMs = Date.now();
  expect(says.draining).toBe(1);
  await sending.closed;
  expect((sending.closedAtMs ?? 0) - switchedMs).toBeLessThan(100);
  expect(idle.closedAtMs).toBeUndefined();
  await idle.closed;
  expect((idle.closedAtMs ?? 0) - switchedMs).toBeGreaterThan(4_000);
  expect((idle.closedAtMs ?? 0) - switchedMs).toBeLessThan(5_500);
  await sleep(200);
  expect((await running.ask()).says).toMatchObject({ draining: 0, openEgress: 0 });
  expect(await idleInMesh.echoes("still here")).toBe(true);
  expect(sendingInMesh.closedAtMs).toBeUndefined();
  clearInterval(writer);
  for (const { socket } of [sendingInMesh, idleInMesh]) socket.destroy();
});

test("routes say their version too, where a chain refers to them, and count what they refuse", async () => {
  const good = config("on-permissive-one");
  const chain = {
    name: "http",
    filters: [
      {
        name: "envoy.filters.network.http_connection_manager",
        typed_config: typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
          stat_prefix: "in-mesh",
          rds: { route_config_name: routeConfigName, config_source: fileSubscription("rds.json") },
          http_filters: [
            {
              name: "envoy.filters.http.router",
              typed_config: typed("envoy.extensions.filters.http.router.v3.Router"),
            },
          ],
        }),
      },
    ],
  };
  const lds = good.files["lds.json"].replace(`"filter_chains":[`, `"filter_chains":[${JSON.stringify(chain)},`);
  await running.put({ ...good.files, "lds.json": lds });
  await expect.poll(async () => (await running.ask()).says.routes, { timeout: 5_000 }).toBe(good.digest);
  expect((await running.ask()).says.refusedUpdates).toBe(0);
  await running.put({ ...good.files, "lds.json": lds, "rds.json": `{"version_info":"x","resources":[{}]}` });
  await expect.poll(async () => (await running.ask()).says.refusedUpdates, { timeout: 5_000 }).toBeGreaterThan(0);
  expect((await running.ask()).says.routes).toBe(good.digest);
});

test("a refused connection is logged with where it wanted to go", async () => {
  await running.run(config("off-permissive-one"));
  await reaches("198.51.100.77:443");
  await expect.poll(running.log, { timeout: 12_000 }).toContain(`"destination":"198.51.100.77:443"`);
});

test("a file that Envoy cannot use is refused and counted, and what ran goes on", async () => {
  const good = config("on-permissive-one");
  await running.run(good);
  const { listeners, refusedUpdates } = (await running.ask()).says;
  await running.put({
    ...good.files,
    "lds.json": good.files["lds.json"].replace(good.digest, "0".repeat(32)).replace("tcp_proxy.v3", "tcp_proxy.v9"),
  });
  await expect.poll(async () => (await running.ask()).says.refusedUpdates).toBeGreaterThan(refusedUpdates);
  expect((await running.ask()).says.listeners).toBe(listeners);
  expect(await reaches(outside)).toBe(true);
});
