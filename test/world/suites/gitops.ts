import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { isFull } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { cutWithinMs, isCut, isOn } from "../expect-status.ts";
import { patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { leaseIsFree, runningVersions, sidecarConfigMaps, sidecarDigests } from "../sidecars.ts";

/** How far apart the two changes of an A→B→A are: before, while and after the first one is being written and verified. */
const gapsMs = isFull ? [0, 100, 200, 300, 400, 600, 800] : [0, 400];
const thereAndBack = [
  ...gapsMs.map((gapMs) => ({ way: "off → on → off", egress: false, gapMs })),
  { way: "on → off → on", egress: true, gapMs: 300 },
];

export function gitopsSuite(theMesh: () => MeshWorld): void {
  test.each(thereAndBack)("$way, $gapMs ms apart, ends where it began, with nothing left over", async (row) => {
    const { egress, gapMs } = row;
    const mesh = theMesh();
    const { cluster } = mesh;
    const isAtRest = (it: RolloutStatus) => (egress ? isOn(it, true) : isCut(it)) && it.phase === "Idle";
    await patchEgress(cluster, String(egress));
    const before = await mesh.untilStatus("at rest", isAtRest, cutWithinMs);
    const [versionsBefore, digestsBefore] = [await runningVersions(cluster, 6), await sidecarDigests(cluster)];
    const there = patchEgress(cluster, String(!egress));
    await sleep(gapMs);
    await there;
    await patchEgress(cluster, String(egress));
    const { resourceVersion } = (await osmConfig(mesh)).metadata;
    const status = await mesh.untilStatus(
      "back again",
      (it) => it.observed?.resourceVersion === resourceVersion && isAtRest(it),
      cutWithinMs,
    );
    expect(status.target).toEqual(before.target);
    expect(await runningVersions(cluster, 6)).toEqual(versionsBefore);
    // What was under way may still write: it must not undo this.
    await sleep(1_500);
    const after = await mesh.status();
    expect(isAtRest(after)).toBe(true);
    expect(after.history?.filter(({ outcome }) => outcome === "Rolling")).toEqual([]);
    expect(await runningVersions(cluster, 6)).toEqual(versionsBefore);
    expect(await sidecarDigests(cluster)).toEqual(digestsBefore);
    // The schedule's pass may have it just now.
    await eventually("the Lease is free", () => leaseIsFree(cluster));
    await patchEgress(cluster, "false");
    await mesh.untilStatus("off", isCut, cutWithinMs);
  });

  test('"true" → "1" writes to no sidecar', async () => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, "true");
    await mesh.untilStatus("on", (it) => isOn(it, true));
    const [maps, pods] = [await sidecarConfigMaps(mesh.cluster), await podAnnotations(mesh)];
    const before = await mesh.status();
    await patchEgress(mesh.cluster, "1");
    const after = await mesh.untilStatus("seen", (it) => it.observed?.raw === "1");
    // The schedule may have looked meanwhile, and says so.
    expect(after).toEqual({ ...before, observed: after.observed, drift: after.drift });
    expect(await sidecarConfigMaps(mesh.cluster)).toEqual(maps);
    expect(await podAnnotations(mesh)).toEqual(pods);
    await patchEgress(mesh.cluster, "false");
    await mesh.untilStatus("off", isCut, cutWithinMs);
  });

  test("applied by another manager every second, with labels and annotations of its own: no fight, no extra rollout", async () => {
    const mesh = theMesh();
    const before = await mesh.untilStatus("off", isCut, cutWithinMs);
    const [maps, pods] = [await sidecarConfigMaps(mesh.cluster), await podAnnotations(mesh)];
    let applied = await commit(mesh, "c0", "false");
    for (const id of ["c1", "c2", "c3", "c4", "c5", "c6", "c7"]) {
      await sleep(1_000);
      applied = await commit(mesh, id, "false");
    }
    // Whoever fights has had the time to.
    await sleep(2_000);
    const found = await osmConfig(mesh);
    expect(found).toEqual(applied);
    expect(found.metadata.labels).toMatchObject({ "kustomize.toolkit.fluxcd.io/name": "mesh" });
    expect(found.metadata.annotations).toMatchObject({ "example.com/commit": "c7" });
    const after = await mesh.untilStatus(
      "last commit seen",
      (it) => it.observed?.resourceVersion === applied.metadata.resourceVersion,
    );
    // The schedule may have looked meanwhile, and says so.
    expect(after).toEqual({ ...before, observed: after.observed, drift: after.drift });
    expect(await sidecarConfigMaps(mesh.cluster)).toEqual(maps);
    expect(await podAnnotations(mesh)).toEqual(pods);

    // The value changes, and a person had set it: as Flux does, it is taken over.
    await commit(mesh, "c8", "true", true);
    const on = await mesh.untilStatus("on by commit", (it) => isOn(it, true));
    expect(on.history?.[0]).toMatchObject({ to: true, by: "kustomize-controller" });
    expect(on.history).toHaveLength(Math.min((before.history?.length ?? 0) + 1, 20));
    await commit(mesh, "c9", "false");
    await mesh.untilStatus("off by commit", isCut, cutWithinMs);
  });
}

interface ConfigMap {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

async function osmConfig({ cluster }: MeshWorld): Promise<ConfigMap> {
  return JSON.parse(await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "json")) as ConfigMap;
}

/** What Flux applies of a commit. @returns osm-config as it is then @throws on a conflict, unless forced */
async function commit({ cluster }: MeshWorld, id: string, egress: string, force = false): Promise<ConfigMap> {
  const manifest = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "osm-config",
      namespace: "osm-system",
      labels: { "kustomize.toolkit.fluxcd.io/name": "mesh" },
      annotations: { "example.com/commit": id },
    },
    data: { egress, permissive_traffic_policy_mode: "true" },
  };
  return JSON.parse(await cluster.serverSideApply(manifest, { manager: "kustomize-controller", force })) as ConfigMap;
}

async function podAnnotations({ cluster }: MeshWorld): Promise<string> {
  return cluster.kubectl("get", "pods", "-n", "bookstore", "-o", "jsonpath={.items[*].metadata.annotations}");
}
