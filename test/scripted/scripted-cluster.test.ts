import { describe, expect, test } from "vitest";
import { EgressError } from "#lib/errors.ts";
import type { ClusterPorts } from "#lib/reconcile/ports.ts";
import { wantedMesh } from "#lib/rollout/wanted.ts";
import { Clock } from "./clock.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { meshAtRest } from "./mesh.ts";
import { unfinished } from "./pass.ts";
import { Killed, scriptedPorts } from "./ports.ts";

/** What a test stands on can fail: each row is something that the fake must not let through. */
async function world(): Promise<{ cluster: ScriptedCluster; ports: ClusterPorts }> {
  const cluster = await meshAtRest();
  return { cluster, ports: scriptedPorts(cluster, "me") };
}

function writeOf(cluster: ScriptedCluster, egress: boolean) {
  cluster.setOsmConfig({ egress: String(egress), permissive_traffic_policy_mode: "true" });
  const wanted = wantedMesh(cluster.observe());
  const config = wanted.configs.get("shop/web");
  if (!config) throw new Error("no account shop/web");
  return {
    write: { ...config, name: "osm-sidecar.web", changesFiles: true },
    running: wanted.running,
  };
}

describe("the clock", () => {
  test("moves only when nothing else can happen, and in order", async () => {
    const clock = new Clock();
    const startedMs = clock.nowMs();
    const seen: string[] = [];
    const tell = async (name: string, ms: number) => {
      await clock.sleep(ms);
      seen.push(`${name} ${clock.nowMs() - startedMs}`);
    };
    await clock.run(Promise.all([tell("late", 20), tell("early", 10), tell("tie", 20)]));
    expect(seen).toEqual(["early 10", "late 20", "tie 20"]);
  });

  test("notices work that waits for nothing", async () => {
    await expect(new Clock().run(new Promise(() => undefined))).rejects.toThrow("never comes");
  });
});

describe("the cluster refuses", () => {
  test("a status against another version than was seen", async () => {
    const { cluster, ports } = await world();
    expect(await cluster.clock.run(ports.writeStatus({}, "1"))).toBe("conflict");
    expect(cluster.writes).toEqual([]);
  });

  test("a Lease that has changed since it was seen", async () => {
    const { cluster, ports } = await world();
    const seen = cluster.observe().lease;
    await cluster.clock.run(scriptedPorts(cluster, "other").takeLease(seen, 0));
    expect(await cluster.clock.run(ports.takeLease(seen, 0))).toBeUndefined();
  });

  test("a ConfigMap with a lower fencing number", async () => {
    const { cluster, ports } = await world();
    const { write, running } = writeOf(cluster, true);
    await cluster.clock.run(ports.applyConfigMap(write, running, 9));
    await expect(cluster.clock.run(ports.applyConfigMap(write, running, 8))).rejects.toThrow("older than 9");
  });

  test("a ConfigMap in a namespace that is going, unless it is there", async () => {
    const { cluster, ports } = await world();
    cluster.namespaces.set("shop", "terminating");
    const { write, running } = writeOf(cluster, true);
    expect(await cluster.clock.run(ports.applyConfigMap(write, running, 9))).toBe("done");
    cluster.configMaps.clear();
    expect(await cluster.clock.run(ports.applyConfigMap(write, running, 9))).toBe("gone");
  });

  test("to delete what has changed since it was seen", async () => {
    const { cluster, ports } = await world();
    const map = cluster.configMap("shop/osm-sidecar.web");
    cluster.storeConfigMap({ ...map, resourceVersion: cluster.nextVersion() });
    await cluster.clock.run(ports.deleteConfigMap(map));
    expect(cluster.configMaps.has("shop/osm-sidecar.web")).toBe(true);
  });
});

describe("a sidecar", () => {
  test("takes a new ConfigMap only when its kubelet hears of it, or after 72 s", async () => {
    const { cluster, ports } = await world();
    const { write, running } = writeOf(cluster, true);
    await cluster.clock.pass(15_000);
    await cluster.clock.run(ports.applyConfigMap(write, running, 9));
    await cluster.clock.pass(5_000);
    expect(cluster.reality).toContain("shop/web-1 off");
    await cluster.clock.run(
      ports.poke(cluster.pod("shop/web-1").observed, { digest: write.config.digest, atMs: cluster.clock.nowMs() }),
    );
    await cluster.clock.pass(60);
    expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 on", "shop/web-2 off"]);
    await cluster.clock.pass(67_000);
    expect(cluster.reality).toEqual(["shop/db-1 off", "shop/web-1 on", "shop/web-2 on"]);
  });

  test("that is stopped answers nothing and takes nothing", async () => {
    const { cluster, ports } = await world();
    const pod = cluster.pod("shop/web-1");
    pod.stopped = true;
    const askedMs = cluster.clock.nowMs();
    expect(await cluster.clock.run(ports.ask(pod.observed))).toMatchObject({ kind: "silent" });
    expect(cluster.clock.nowMs() - askedMs).toBeGreaterThanOrEqual(2_000);
  });

  test("cuts sending connections at once and idle ones when it has drained", async () => {
    const cluster = await meshAtRest("on");
    const ports = scriptedPorts(cluster, "me");
    const pod = cluster.pod("shop/web-1");
    Object.assign(pod, { idleConnections: 1, sendingConnections: 1 });
    const { write, running } = writeOf(cluster, false);
    await cluster.clock.run(ports.applyConfigMap(write, running, 9));
    pod.look();
    expect([pod.idleConnections, pod.sendingConnections]).toEqual([1, 0]);
    expect(await cluster.clock.run(ports.ask(pod.observed))).toMatchObject({ says: { draining: 1, openEgress: 1 } });
    await cluster.clock.pass(5_000);
    expect(await cluster.clock.run(ports.ask(pod.observed))).toMatchObject({ says: { draining: 0, openEgress: 0 } });
  });
});

describe("a fate", () => {
  const calm = { there: 1, back: 1 };
  test.each([
    ["killed before", { killed: "before" as const }, Killed, []],
    ["killed after", { killed: "after" as const }, Killed, ["injection"]],
    ["unanswered before", { unanswered: "before" as const }, EgressError, []],
    ["unanswered after", { unanswered: "after" as const }, EgressError, ["injection"]],
    ["late", { lateMs: 50 }, EgressError, []],
  ])("%s", async (_, difference, error, writes) => {
    const cluster = await meshAtRest();
    const ports = scriptedPorts(cluster, "me", (_verb, index) => (index === 0 ? { ...calm, ...difference } : calm));
    await expect(cluster.clock.run(ports.applyInjection({}))).rejects.toThrow(error);
    expect(cluster.writes).toEqual(writes);
    const next = cluster.clock.run(ports.readPods()).then(
      () => "lives",
      () => "dead",
    );
    expect(await next).toBe("killed" in difference ? "dead" : "lives");
    await cluster.clock.pass(60);
    expect(cluster.writes).toEqual("lateMs" in difference ? ["injection"] : writes);
  });
});

test("only a kill and a pass that says why it could not finish are forgiven", () => {
  expect(unfinished(new Killed("ask"))).toBeUndefined();
  expect(unfinished(new EgressError("object-conflict", "ConfigMap shop/osm-sidecar.web"))).toBeUndefined();
  expect(() => unfinished(new TypeError("a fault"))).toThrow("a fault");
});
