import { expect, test } from "vitest";
import { booleanSpellings } from "#lib/mesh/boolean.ts";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { cutWithinMs, isCut, isOn } from "../expect-status.ts";
import { patchConfig, patchEgress, podOf, settleOn } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { probeOnce } from "../probe.ts";
import { appSpec, sampleNamespace } from "../sample-mesh.ts";
import { sidecarConfigMaps } from "../sidecars.ts";

const [trueOnes, falseOnes] = [booleanSpellings.slice(0, 6), booleanSpellings.slice(6)];
/** On and off in turn, so that each of them has to change something. */
const inTurn = trueOnes.flatMap((text, index) => [[text, true] as const, [falseOnes[index] ?? "", false] as const]);

export function valuesSuite(theMesh: () => MeshWorld): void {
  test.each(inTurn)("%j works", async (text, egress) => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, text);
    const status = await mesh.untilStatus(text, (it) => it.observed?.raw === text && isOn(it, egress));
    expect(status.observed).toMatchObject({ raw: text, egress });
    expect(conditionOf(status, "Accepted")).toMatchObject({ status: "True" });
  });

  test("a key that is read when a pod is created reaches the next pod, and no running one", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    const maps = await sidecarConfigMaps(cluster);
    const set = (level: string | null) =>
      patchConfig(cluster, JSON.stringify({ data: { envoy_log_level: level } }), "merge");
    await set("warning");
    await untilLogLevel(mesh, "warning");
    const spec = appSpec("bookbuyer");
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "louder", namespace: sampleNamespace },
      spec,
    });
    const path = "jsonpath={.spec.initContainers[1].args}";
    expect(await cluster.kubectl("get", "pod", "louder", "-n", sampleNamespace, "-o", path)).toContain(
      '"--log-level","warning"',
    );
    expect(await sidecarConfigMaps(cluster)).toEqual(maps);
    await cluster.kubectl("delete", "pod", "louder", "-n", sampleNamespace);
    await set(null);
    await untilLogLevel(mesh, "error");
  });

  test("permissive mode off: nothing in-mesh is allowed, egress off or on, and all of it again when it is back", async () => {
    const mesh = theMesh();
    const { cluster, world } = mesh;
    const from = await podOf(cluster, sampleNamespace, "bookbuyer");
    const reaches = async (...probe: readonly string[]) => (await probeOnce(cluster, from, ...probe)).reached;
    const inMesh = () => reaches("http", "http://bookstore.bookstore/");
    const outside = () => reaches("tcp", world.outside.sites.tcp.target);
    const setPermissive = (value: string) =>
      patchConfig(cluster, JSON.stringify({ data: { permissive_traffic_policy_mode: value } }), "merge");
    expect([await inMesh(), await outside()]).toEqual([true, false]);
    await setPermissive("false");
    await expect.poll(inMesh, { timeout: 15_000 }).toBe(false);
    await settleOn(mesh, true);
    expect([await inMesh(), await outside()]).toEqual([false, true]);
    await setPermissive("true");
    await expect.poll(inMesh, { timeout: 15_000 }).toBe(true);
    await settleOn(mesh, false);
    expect([await inMesh(), await outside()]).toEqual([true, false]);
  });

  test("osm-config deleted: the mesh keeps its value and says so, new pods are injected, and it follows again", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    await patchEgress(cluster, "true");
    await mesh.untilStatus("on", (it) => isOn(it, true));
    await cluster.kubectl("delete", "cm", "osm-config", "-n", "osm-system");
    const gone = await mesh.untilStatus("missing", (it) => conditionOf(it, "Accepted")?.status === "False");
    expect(conditionOf(gone, "Accepted")?.message).toContain("does not exist");
    expect(gone.target?.egress).toBe(true);

    const pod = { namespace: sampleNamespace, pod: "late" };
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pod.pod, namespace: pod.namespace },
      spec: appSpec("bookbuyer"),
    });
    await cluster.kubectl("wait", "--for=condition=Ready", `pod/${pod.pod}`, "-n", pod.namespace, "--timeout=60s");
    const containers = "jsonpath={.spec.initContainers[*].name}";
    expect(await cluster.kubectl("get", "pod", pod.pod, "-n", pod.namespace, "-o", containers)).toBe("osm-init envoy");
    const { http } = mesh.world.outside.sites;
    expect((await probeOnce(cluster, pod, "http", `http://${http.target}/`)).reached).toBe(true);

    const data = { egress: "false", permissive_traffic_policy_mode: "true" };
    await cluster.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "osm-config", namespace: "osm-system" },
      data,
    });
    const isFollowing = (it: RolloutStatus) => isCut(it) && conditionOf(it, "Accepted")?.status === "True";
    await mesh.untilStatus("following again", isFollowing, cutWithinMs);
    expect((await probeOnce(cluster, pod, "http", `http://${http.target}/`)).reached).toBe(false);
    await cluster.kubectl("delete", "pod", pod.pod, "-n", pod.namespace);
  });
}

/** Bounded: 10 s. */
async function untilLogLevel({ cluster }: MeshWorld, level: string): Promise<void> {
  const path = "jsonpath={.spec.envoyLogLevel}";
  await expect
    .poll(() => cluster.kubectl("get", "meshinjection", "osm-config", "-n", "osm-system", "-o", path), {
      timeout: 10_000,
    })
    .toBe(level);
}
