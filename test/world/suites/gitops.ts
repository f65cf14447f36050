import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { isCut, isOn } from "../expect-status.ts";
import { patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { leaseIsFree, runningVersions, sidecarConfigMaps } from "../sidecars.ts";

/** How far apart the two changes of an A→B→A are: before, while and after the first one is being written and verified. */
const gapsMs = [0, 100, 200, 300, 400, 600, 800];

export function gitopsSuite(theMesh: () => MeshWorld): void {
  test.each(gapsMs)("off → on → off, %i ms apart, ends on off everywhere, with nothing left over", async (gapMs) => {
    const mesh = theMesh();
    const { cluster } = mesh;
    const before = await mesh.untilStatus("off", isCut);
    const versionsBefore = await runningVersions(cluster);
    const there = patchEgress(cluster, "true");
    await sleep(gapMs);
    await there;
    await patchEgress(cluster, "false");
    const version = await osmConfigVersion(mesh);
    const status = await mesh.untilStatus(
      "off again",
      (it) => it.observed?.resourceVersion === version && isCut(it) && it.phase === "Idle",
    );
    expect(status.target).toEqual(before.target);
    expect(await runningVersions(cluster)).toEqual(versionsBefore);
    // What was under way may still write: it must not undo this.
    await sleep(1_500);
    expect(isCut(await mesh.status())).toBe(true);
    expect(await runningVersions(cluster)).toEqual(versionsBefore);
    expect(await leaseIsFree(cluster)).toBe(true);
  });

  test('"true" → "1" writes to no sidecar', async () => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, "true");
    await mesh.untilStatus("on", (it) => isOn(it, true));
    const [maps, pods] = [await sidecarConfigMaps(mesh.cluster), await podAnnotations(mesh)];
    const before = await mesh.status();
    await patchEgress(mesh.cluster, "1");
    const after = await mesh.untilStatus("seen", (it) => it.observed?.raw === "1");
    expect(after).toEqual({ ...before, observed: after.observed });
    expect(await sidecarConfigMaps(mesh.cluster)).toEqual(maps);
    expect(await podAnnotations(mesh)).toEqual(pods);
    await patchEgress(mesh.cluster, "false");
    await mesh.untilStatus("off", isCut);
  });

  test("applied by another manager every second, with labels and annotations of its own: no fight, no extra rollout", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    const before = await mesh.untilStatus("off", isCut);
    const maps = await sidecarConfigMaps(cluster);
    let manifest: object = {};
    for (let commit = 0; commit < 8; commit++) {
      manifest = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          name: "osm-config",
          namespace: "osm-system",
          labels: { "kustomize.toolkit.fluxcd.io/name": "mesh" },
          annotations: { "example.com/commit": `c${commit}` },
        },
        data: { egress: "false", permissive_traffic_policy_mode: "true" },
      };
      await serverSideApply(mesh, manifest);
      await sleep(1_000);
    }
    const version = await osmConfigVersion(mesh);
    const after = await mesh.untilStatus("last commit seen", (it) => it.observed?.resourceVersion === version);
    expect(after.history).toEqual(before.history);
    expect(await sidecarConfigMaps(cluster)).toEqual(maps);
    const object = JSON.parse(
      await cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "json"),
    ) as ConfigMap;
    expect(object.metadata.annotations).toMatchObject({ "example.com/commit": "c7" });

    await serverSideApply(mesh, { ...manifest, data: { egress: "true", permissive_traffic_policy_mode: "true" } });
    const on = await mesh.untilStatus("on by commit", (it) => isOn(it, true));
    expect(on.history?.[0]).toMatchObject({ to: true, by: "kustomize-controller" });
    expect(on.history).toHaveLength(Math.min((before.history?.length ?? 0) + 1, 20));
    await serverSideApply(mesh, manifest);
    await mesh.untilStatus("off by commit", isCut);
  });
}

interface ConfigMap {
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Readonly<Record<string, string>> };
}

async function osmConfigVersion({ cluster }: MeshWorld): Promise<string> {
  return cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "jsonpath={.metadata.resourceVersion}");
}

/** As Flux does, which takes over what others own. */
async function serverSideApply({ cluster }: MeshWorld, manifest: object): Promise<void> {
  await cluster.serverSideApply("kustomize-controller", manifest);
}

async function podAnnotations({ cluster }: MeshWorld): Promise<string> {
  return cluster.kubectl("get", "pods", "-n", "bookstore", "-o", "jsonpath={.items[*].metadata.annotations}");
}
