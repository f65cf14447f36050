import { expect, test } from "vitest";
import { isCut, isOn, podsWithinMs } from "../expect-status.ts";
import { podOf } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { probeOnce } from "../probe.ts";
import { bringUpSample, sampleNamespace } from "../sample-mesh.ts";

/** Kinds of ours that are not in a namespace. */
const clusterKinds = [
  "mutatingadmissionpolicybinding",
  "mutatingadmissionpolicy",
  "validatingadmissionpolicybinding",
  "validatingadmissionpolicy",
  "clusterrolebinding",
  "clusterrole",
  "crd",
];

/** Takes away every trace of the mesh that came before, as nobody would do but a test. */
async function wipe({ cluster }: MeshWorld): Promise<void> {
  for (const kind of clusterKinds) {
    const names = (await cluster.kubectl("get", kind, "-o", "name")).split("\n");
    const ours = names.filter((name) => /osm|openservicemesh/.test(name));
    if (ours.length > 0) await cluster.kubectl("delete", ...ours);
  }
  await cluster.kubectl("delete", "namespace", sampleNamespace, "osm-system", "--timeout=90s");
}

export function freshSuite(theMesh: () => MeshWorld): void {
  test("osm install --enable-egress on a fresh mesh: on from the start", async () => {
    const mesh = theMesh();
    await wipe(mesh);
    await mesh.install("--enable-egress", "--enable-permissive-traffic-policy");
    await bringUpSample(mesh, 1);
    const status = await mesh.untilStatus("on", (it) => isOn(it, true) && it.sidecars?.verified === 3, podsWithinMs);
    expect(status.history?.map(({ to }) => to)).toEqual([true]);
    const from = await podOf(mesh.cluster, sampleNamespace, "bookbuyer");
    expect((await probeOnce(mesh.cluster, from, "tcp", mesh.world.outside.sites.tcp.target)).reached).toBe(true);
  });

  test("osm install again without the flag: still on", async () => {
    const mesh = theMesh();
    await mesh.install();
    const path = "jsonpath={.data.egress}";
    expect(await mesh.cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", path)).toBe("true");
    const from = await podOf(mesh.cluster, sampleNamespace, "bookbuyer");
    expect(isOn(await mesh.status(), true)).toBe(true);
    expect((await probeOnce(mesh.cluster, from, "tcp", mesh.world.outside.sites.tcp.target)).reached).toBe(true);
  });

  test("osm install with another value: comes back when every sidecar is verified and egress is cut", async () => {
    const mesh = theMesh();
    expect(await mesh.install("--enable-egress=false")).toContain("egress is off: 3 of 3 sidecars verified");
    expect(isCut(await mesh.status())).toBe(true);
  });
}
