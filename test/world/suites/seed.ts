import { expect, test } from "vitest";
import { isOn, podsWithinMs } from "../expect-status.ts";
import { patchEgress, podOf } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { type PodRef, probeOnce } from "../probe.ts";
import { bringUpSample, sampleNamespace, service } from "../sample-mesh.ts";

/** Ways out of the mesh, each with what probes it. */
const waysOut = (mesh: MeshWorld): Readonly<Record<"HTTP" | "TLS" | "TCP" | "UDP", readonly string[]>> => {
  const { http, tls, tcp, udp } = mesh.world.outside.sites;
  return {
    HTTP: ["http", `http://${http.target}/`],
    TLS: ["tls", tls.target],
    TCP: ["tcp", tcp.target],
    UDP: ["udp", udp.target],
  };
};

async function reachable(mesh: MeshWorld, from: PodRef): Promise<Record<string, boolean>> {
  const attempts = Object.entries(waysOut(mesh)).map(
    async ([way, probe]) => [way, (await probeOnce(mesh.cluster, from, ...probe)).reached] as const,
  );
  return Object.fromEntries(await Promise.all(attempts));
}

/** Passes list all Services of the cluster: this one must not become a destination of the mesh. */
const serviceOutside = ["http", "http://outsider.default/"] as const;

const nothing = { HTTP: false, TLS: false, TCP: false, UDP: false };
/** UDP is not proxied: it stays closed. */
const allTcp = { HTTP: true, TLS: true, TCP: true, UDP: false };

export function seedSuite(theMesh: () => MeshWorld): void {
  const buyer = () => podOf(theMesh().cluster, sampleNamespace, "bookbuyer");

  test("osm install --enable-permissive-traffic-policy: egress is off, and the sample mesh comes up verified", async () => {
    const mesh = theMesh();
    await mesh.install("--enable-permissive-traffic-policy");
    await bringUpSample(mesh);
    const status = await mesh.untilStatus(
      "six verified",
      (it) => isOn(it, false) && it.sidecars?.verified === 6,
      podsWithinMs,
    );
    expect(status.sidecars).toMatchObject({ total: 6, verified: 6, outsideGuarantee: 0 });
  });

  test("off: the outside is unreachable by HTTP, TLS, TCP and UDP, and nothing arrives there", async () => {
    const mesh = theMesh();
    await mesh.world.outside.forget();
    expect(await reachable(mesh, await buyer())).toEqual(nothing);
    expect(await mesh.world.outside.arrivals()).toEqual([]);
  });

  test("off: in-mesh Services are reachable by HTTP and TCP", async () => {
    const { cluster } = theMesh();
    const from = await buyer();
    expect(await probeOnce(cluster, from, "http", "http://bookstore.bookstore/")).toMatchObject({ reached: true });
    expect(await probeOnce(cluster, from, "tcp", "bookstore.bookstore:81")).toMatchObject({ reached: true });
  });

  test("a pod outside the mesh reaches all of it at the same time, so the sites do answer", async () => {
    const mesh = theMesh();
    await mesh.cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "outsider", namespace: "default", labels: { app: "outsider" } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image: "osm-egress/test-app:test" }] },
    });
    await mesh.cluster.apply(service("default", "outsider"));
    await mesh.cluster.kubectl("wait", "--for=condition=Ready", "pod/outsider", "--timeout=60s");
    const outsider = { namespace: "default", pod: "outsider" };
    // One datagram may be lost, and nobody sends it again.
    await expect.poll(() => reachable(mesh, outsider), { timeout: 15_000 }).toEqual({ ...allTcp, UDP: true });
    // The node learns of a Service's first pod a while after that is ready.
    const throughService = () => probeOnce(mesh.cluster, outsider, ...serviceOutside);
    await expect.poll(throughService, { timeout: 15_000 }).toMatchObject({ reached: true });
  });

  test("an in-cluster Service outside the mesh counts as egress: off, it is refused", async () => {
    const { cluster } = theMesh();
    expect(await probeOnce(cluster, await buyer(), ...serviceOutside)).toMatchObject({ reached: false });
  });

  test('the seed\'s patch to "true": the outside is reachable by TCP, and so is the Service outside the mesh', async () => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, "true");
    const on = await mesh.untilStatus("on", (it) => isOn(it, true));
    expect(on.history?.[0]).toMatchObject({ to: true, source: "osm.forwarder" });
    const from = await buyer();
    expect(await reachable(mesh, from)).toEqual(allTcp);
    expect(await probeOnce(mesh.cluster, from, ...serviceOutside)).toMatchObject({ reached: true });
  });

  test("osm install again without the flag: still on", async () => {
    const mesh = theMesh();
    await mesh.install();
    expect(
      await mesh.cluster.kubectl("get", "cm", "osm-config", "-n", "osm-system", "-o", "jsonpath={.data.egress}"),
    ).toBe("true");
    expect(isOn(await mesh.status(), true)).toBe(true);
    expect((await probeOnce(mesh.cluster, await buyer(), ...waysOut(mesh).TCP)).reached).toBe(true);
  });

  test('the seed\'s patch to "false": unreachable, and so is the Service outside the mesh', async () => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, "false");
    const off = await mesh.untilStatus("off", (it) => isOn(it, false));
    expect(off.history?.[0]).toMatchObject({ to: false, source: "osm.forwarder" });
    const from = await buyer();
    expect(await reachable(mesh, from)).toEqual(nothing);
    expect(await probeOnce(mesh.cluster, from, ...serviceOutside)).toMatchObject({ reached: false });
  });

  test("osm egress enable and disable come back when every sidecar is verified, and say so", async () => {
    const { osm } = theMesh();
    const enabled = await osm("egress", "enable");
    expect(enabled).toMatchObject({ exitCode: 0 });
    expect(enabled.stdout).toContain("egress is on: 6 of 6 sidecars verified");
    const disabled = await osm("egress", "disable");
    expect(disabled).toMatchObject({ exitCode: 0 });
    expect(disabled.stdout).toContain("egress is off: 6 of 6 sidecars verified");
    expect((await osm("egress", "status", "-o", "json")).stdout).toContain('"phase": "Idle"');
  });
}
