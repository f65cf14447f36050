import { expect, test } from "vitest";
import { conditionOf } from "#lib/rollout/status.ts";
import type { Cluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/eventually.ts";
import { isCut, isOn } from "../expect-status.ts";
import { patchEgress, podOf, podsOf } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { appSpec, sampleNamespace } from "../sample-mesh.ts";

/** The pass gives a silent pod 30 s; the schedule comes every minute in this stage. */
const deadlineMs = 30_000;
const scheduleMs = 75_000;

export function podsSuite(theMesh: () => MeshWorld): void {
  const site = () => theMesh().world.outside.sites.tcp.target;

  test.each([
    ["on", true],
    ["off", false],
  ] as const)("a pod created while egress is %s is right from its app's first packet", async (_, egress) => {
    const mesh = theMesh();
    await settleOn(mesh, egress);
    const name = `first-packet-${egress}`;
    await createPod(mesh.cluster, name, "bookbuyer", [
      "/bin/sh",
      "-c",
      `/bin/probe -timeout 2s tcp ${site()}; exec /bin/probe pause`,
    ]);
    const line = await firstLine(mesh.cluster, name);
    expect(line).toContain(egress ? '"event":"done"' : '"event":"failed"');
    await mesh.cluster.kubectl("delete", "pod", name, "-n", sampleNamespace);
  });

  test("a pod of a new service account starts by itself, on the right value, within 10 s of its creation", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    const name = "newcomer";
    const createdMs = Date.now();
    await mesh.cluster.apply(
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: sampleNamespace } },
      pod(name, appSpec(name, ["/bin/sh", "-c", `/bin/probe -timeout 2s tcp ${site()}; exec /bin/probe pause`])),
    );
    await mesh.cluster.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "-n", sampleNamespace, "--timeout=30s");
    expect(Date.now() - createdMs).toBeLessThan(10_000);
    expect(await firstLine(mesh.cluster, name)).toContain('"event":"failed"');
    await mesh.untilStatus("seven verified", (it) => it.sidecars?.verified === 7 && it.sidecars.total === 7);
    await mesh.cluster.kubectl("delete", "pod", name, "-n", sampleNamespace);
    await mesh.cluster.kubectl("delete", "serviceaccount", name, "-n", sampleNamespace);
    await mesh.untilStatus("six again", (it) => it.sidecars?.total === 6);
  });

  test("a pod that is not ready is verified like any other", async () => {
    const mesh = theMesh();
    const spec = appSpec("bookbuyer") as { containers: object[] };
    const unready = { exec: { command: ["false"] }, periodSeconds: 1 };
    await mesh.cluster.apply(
      pod("unready", { ...spec, containers: spec.containers.map((it) => ({ ...it, readinessProbe: unready })) }),
    );
    await mesh.untilStatus("seven verified", (it) => it.sidecars?.verified === 7);
    await settleOn(mesh, true);
    expect((await mesh.status()).sidecars).toMatchObject({ total: 7, verified: 7 });
    await mesh.cluster.kubectl("delete", "pod", "unready", "-n", sampleNamespace);
    await settleOn(mesh, false);
  });

  test("a pod being deleted whose sidecar is stopped: counted, named, not waited for", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    const spec = {
      ...appSpec("bookbuyer", ["/bin/sh", "-c", "trap '' TERM; while true; do sleep 1; done"]),
      terminationGracePeriodSeconds: 20,
    };
    await mesh.cluster.apply(pod("leaving", spec));
    await mesh.untilStatus("seven verified", (it) => it.sidecars?.verified === 7);
    await mesh.cluster.signal(sampleNamespace, "leaving", "envoy", "SIGSTOP");
    await mesh.cluster.kubectl("delete", "pod", "leaving", "-n", sampleNamespace, "--wait=false");
    const patchedMs = Date.now();
    await patchEgress(mesh.cluster, "true");
    const status = await mesh.untilStatus("on but for one", (it) => isOn(it, true));
    expect(Date.parse(status.convergedAt ?? "") - patchedMs).toBeLessThan(8_000);
    expect(conditionOf(status, "Converged")?.reason).toBe("AllReachableVerified");
    expect(status.sidecars).toMatchObject({ total: 7, verified: 6, unreachable: 1 });
    expect(status.lagging).toEqual([{ pod: `${sampleNamespace}/leaving`, reason: "Terminating" }]);
    await mesh.cluster.signal(sampleNamespace, "leaving", "envoy", "SIGCONT");
    await mesh.untilStatus("six again, all verified", (it) => isAllVerified(it, 6), scheduleMs);
    await settleOn(mesh, false);
  });

  test("a stopped sidecar: counted, named, not waited for beyond the deadline, taken up when it is back", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    const stopped = await podOf(mesh.cluster, sampleNamespace, "bookthief");
    const name = `${stopped.namespace}/${stopped.pod}`;
    await mesh.cluster.signal(stopped.namespace, stopped.pod, "envoy", "SIGSTOP");
    const patchedMs = Date.now();
    await patchEgress(mesh.cluster, "true");
    const waiting = await mesh.untilStatus(
      "five verified",
      (it) => it.target?.egress === true && it.sidecars?.verified === 5,
    );
    expect(conditionOf(waiting, "Converged")?.status).toBe("False");
    const named = await mesh.untilStatus("it is named", (it) => it.lagging?.[0]?.pod === name, 10_000);
    expect(named.lagging?.[0]?.reason).toContain("NoAnswer");

    const given = await mesh.untilStatus("given up", (it) => isOn(it, true), deadlineMs + 15_000);
    const gaveUpAfterMs = Date.parse(given.convergedAt ?? "") - patchedMs;
    expect(gaveUpAfterMs).toBeGreaterThan(deadlineMs - 2_000);
    expect(conditionOf(given, "Converged")?.reason).toBe("AllReachableVerified");
    expect(given.sidecars).toMatchObject({ total: 6, verified: 5, unreachable: 1 });
    const shown = await mesh.osm("egress", "status");
    expect(shown.stdout).toContain("5 of 6 sidecars verified");
    expect(shown.stdout).toContain(name);

    await mesh.cluster.signal(stopped.namespace, stopped.pod, "envoy", "SIGCONT");
    await mesh.untilStatus("all six", (it) => isAllVerified(it, 6), scheduleMs);
    await settleOn(mesh, false);
  });

  test("a lost event is made good by the schedule: no forwarder, one change", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    await mesh.cluster.kubectl("scale", "deployment/osm-forwarder", "-n", "osm-system", "--replicas=0");
    await mesh.cluster.kubectl(
      "wait",
      "--for=delete",
      "pod",
      "-l",
      "app.kubernetes.io/name=osm-forwarder",
      "-n",
      "osm-system",
      "--timeout=60s",
    );
    await patchEgress(mesh.cluster, "true");
    const on = await mesh.untilStatus("on by schedule", (it) => isOn(it, true), scheduleMs);
    expect(on.history?.[0]).toMatchObject({ to: true, source: "osm.drift" });
  });

  test("a forwarder that starts sends one event, whatever it finds: what was missed is taken up at once", async () => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, "false");
    await mesh.cluster.kubectl("scale", "deployment/osm-forwarder", "-n", "osm-system", "--replicas=1");
    await mesh.cluster.kubectl("rollout", "status", "deployment/osm-forwarder", "-n", "osm-system", "--timeout=60s");
    const off = await mesh.untilStatus("off by the forwarder's start", (it) => isOn(it, false), 20_000);
    expect(off.history?.[0]?.to).toBe(false);
    await mesh.untilStatus("cut", isCut);
    expect(await podsOf(mesh.cluster, sampleNamespace)).toHaveLength(6);
  });
}

async function settleOn(mesh: MeshWorld, egress: boolean): Promise<void> {
  await patchEgress(mesh.cluster, String(egress));
  await mesh.untilStatus(egress ? "on" : "off", (it) => (egress ? isOn(it, true) : isCut(it)));
}

function isAllVerified(status: Parameters<typeof isOn>[0], count: number): boolean {
  const { total, verified } = status.sidecars ?? {};
  return total === count && verified === count && conditionOf(status, "Converged")?.reason === "AllVerified";
}

function pod(name: string, spec: object): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: sampleNamespace }, spec };
}

async function createPod(cluster: Cluster, name: string, account: string, command: readonly string[]): Promise<void> {
  await cluster.apply(pod(name, appSpec(account, command)));
  await cluster.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "-n", sampleNamespace, "--timeout=60s");
}

/** What the app printed first. */
function firstLine(cluster: Cluster, name: string): Promise<string> {
  const line = async () =>
    (await cluster.kubectl("logs", name, "-n", sampleNamespace, "-c", "app")).split("\n")[0] || undefined;
  return eventually(`a line of ${name}'s log`, line, { everyMs: 200 });
}
