import { beforeAll, expect, test } from "vitest";
import { booleanSpellings } from "#lib/mesh/boolean.ts";
import { conditionOf } from "#lib/rollout/status.ts";
import { type BusObserver, observeResults } from "#test/aws/bus-observer.ts";
import type { Cluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/eventually.ts";
import { isCut, isOn } from "../expect-status.ts";
import { patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { probeOnce } from "../probe.ts";
import { appSpec, sampleNamespace } from "../sample-mesh.ts";
import { runningVersions, sidecarConfigMaps } from "../sidecars.ts";

const [trueOnes, falseOnes] = [booleanSpellings.slice(0, 6), booleanSpellings.slice(6)];
/** On and off in turn, so that each of them has to change something. */
const inTurn = trueOnes.flatMap((text, index) => [[text, true] as const, [falseOnes[index] ?? "", false] as const]);

/** JSON patches. */
const missing = '[{"op":"remove","path":"/data/egress"}]';
const noData = '[{"op":"remove","path":"/data"}]';

export function valuesSuite(theMesh: () => MeshWorld): void {
  let results: BusObserver;

  beforeAll(async () => {
    results = await observeResults(theMesh().aws);
  });

  test.each(inTurn)("%j works", async (text, egress) => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, text);
    const status = await mesh.untilStatus(text, (it) => it.observed?.raw === text && isOn(it, egress));
    expect(status.observed).toMatchObject({ raw: text, egress });
    expect(conditionOf(status, "Accepted")).toMatchObject({ status: "True" });
  });

  test.each<[string, string, "merge" | "json", string]>([
    ["an empty text", '{"data":{"egress":""}}', "merge", 'got ""'],
    ["a leading blank", '{"data":{"egress":" true"}}', "merge", 'got " true"'],
    ["yes", '{"data":{"egress":"yes"}}', "merge", 'got "yes"'],
    ["on", '{"data":{"egress":"on"}}', "merge", 'got "on"'],
    ["tRUE", '{"data":{"egress":"tRUE"}}', "merge", 'got "tRUE"'],
    ["ture", '{"data":{"egress":"ture"}}', "merge", 'got "ture"'],
    ["a missing key", missing, "json", "egress"],
    ["no data", noData, "json", "egress"],
  ])("%s is denied, with the accepted spellings in the message", async (_, patch, type, said) => {
    const { cluster } = theMesh();
    const before = await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "json");
    const message = await patchConfig(cluster, patch, type).then(
      () => "accepted",
      (error: unknown) => String((error as { readonly stderr?: string }).stderr ?? error),
    );
    expect(message).toContain(said);
    for (const spelling of booleanSpellings) expect(message).toContain(spelling);
    expect(await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "json")).toBe(before);
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

  test("with the policy taken away bad values get in and change nothing: Accepted=False, event, metric", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    await patchEgress(cluster, "true");
    await mesh.untilStatus("on", (it) => isOn(it, true));
    const [mapsBefore, versionsBefore] = [await sidecarConfigMaps(cluster), await runningVersions(cluster)];
    await cluster.kubectl("delete", "validatingadmissionpolicybinding", "osm-config");
    await untilAccepted(mesh, "ture");

    const status = await mesh.untilStatus("rejected", (it) => conditionOf(it, "Accepted")?.status === "False");
    expect(conditionOf(status, "Accepted")?.message).toContain('got "ture"');
    expect(status.observed).toEqual({ raw: "ture", resourceVersion: status.observed?.resourceVersion });
    expect(status.target?.egress).toBe(true);
    expect(await sidecarConfigMaps(cluster)).toEqual(mapsBefore);
    expect(await runningVersions(cluster)).toEqual(versionsBefore);

    const events = await cluster.kubectl("get", "events", "-n", "osm-system", "-o", "json");
    expect(events).toContain("EgressValueRejected");
    const heard = await results.heard();
    const rejected = heard.filter((event) => event["detail-type"] === "Egress Value Rejected");
    expect(rejected).toHaveLength(1);
    expect(rejected[0]?.detail).toMatchObject({ raw: "ture", keeps: true });
    const log = await mesh.aws.logs("reconcile");
    expect(log.filter((line) => line.text.includes('"EgressValueRejected":1'))).toHaveLength(1);

    for (const [patch, type, said] of [
      ['{"data":{"egress":" true"}}', "merge", 'got " true"'],
      [missing, "json", "egress: is missing"],
      [noData, "json", "egress: is missing"],
    ] as const) {
      await patchConfig(cluster, patch, type);
      const path = "jsonpath={.metadata.resourceVersion}";
      const version = await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", path);
      const refused = await mesh.untilStatus(patch, (it) => it.observed?.resourceVersion === version);
      expect(conditionOf(refused, "Accepted"), patch).toMatchObject({ status: "False" });
      expect(conditionOf(refused, "Accepted")?.message).toContain(said);
      expect(refused.target, patch).toEqual(status.target);
      expect(await sidecarConfigMaps(cluster), patch).toEqual(mapsBefore);
      expect(await runningVersions(cluster), patch).toEqual(versionsBefore);
    }

    const good = { egress: "true", permissive_traffic_policy_mode: "true" };
    await patchConfig(cluster, JSON.stringify({ data: good }), "merge");
    await mesh.install();
    await patchEgress(cluster, "false");
    const back = await mesh.untilStatus("off again", isCut);
    expect(conditionOf(back, "Accepted")).toMatchObject({ status: "True" });
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
    await mesh.untilStatus("following again", (it) => isCut(it) && conditionOf(it, "Accepted")?.status === "True");
    expect((await probeOnce(cluster, pod, "http", `http://${http.target}/`)).reached).toBe(false);
    await cluster.kubectl("delete", "pod", pod.pod, "-n", pod.namespace);
  });
}

function patchConfig(cluster: Cluster, patch: string, type: "merge" | "json"): Promise<string> {
  return cluster.kubectl("patch", "ConfigMap", "osm-config", "-n", "osm-system", "-p", patch, `--type=${type}`);
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

/** The API server forgets a policy a moment after its binding is gone. */
async function untilAccepted(mesh: MeshWorld, value: string): Promise<void> {
  await eventually(`${value} is let in`, () => patchEgress(mesh.cluster, value));
}
