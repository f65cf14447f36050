import { expect, test } from "vitest";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { eventually } from "#test/eventually.ts";
import { cutWithinMs, isCut, isOn, podsWithinMs } from "../expect-status.ts";
import { setForwarder } from "../forwarder.ts";
import { patchEgress, podOf, podsOf, samplePod, settleOn } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { type PodRef, probeOnce } from "../probe.ts";
import { appSpec, sampleNamespace } from "../sample-mesh.ts";

/** The pass gives a silent pod 30 s; the schedule comes every minute in this stage. */
const deadlineMs = 30_000;
const scheduleMs = 120_000;

/** A pod that uses all of its grace period to end. */
const graceMs = 20_000;
const stubborn = {
  ...appSpec("bookbuyer", ["/bin/sh", "-c", "trap '' TERM; while true; do sleep 1; done"]),
  terminationGracePeriodSeconds: graceMs / 1_000,
};

export function podsSuite(theMesh: () => MeshWorld): void {
  test("a pod that is not ready is verified like any other", async () => {
    const mesh = theMesh();
    const spec = appSpec("bookbuyer");
    const unready = { exec: { command: ["false"] }, periodSeconds: 1 };
    await mesh.cluster.apply(
      samplePod("unready", { ...spec, containers: spec.containers.map((it) => ({ ...it, readinessProbe: unready })) }),
    );
    await mesh.untilStatus("seven verified", (it) => it.sidecars?.verified === 7, podsWithinMs);
    await settleOn(mesh, true);
    expect((await mesh.status()).sidecars).toMatchObject({ total: 7, verified: 7 });
    await mesh.cluster.kubectl("delete", "pod", "unready", "-n", sampleNamespace);
    await settleOn(mesh, false);
  });

  test("a pod being deleted whose sidecar is stopped: counted, named, not waited for", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    await mesh.cluster.apply(samplePod("leaving", stubborn));
    await mesh.untilStatus("seven verified", (it) => it.sidecars?.verified === 7, podsWithinMs);
    await whileStopped(mesh, { namespace: sampleNamespace, pod: "leaving" }, async () => {
      await mesh.cluster.kubectl("delete", "pod", "leaving", "-n", sampleNamespace, "--wait=false");
      const patchedMs = Date.now();
      await patchEgress(mesh.cluster, "true");
      const status = await mesh.untilStatus("on but for one", (it) => isOn(it, true));
      expect(Date.parse(status.convergedAt ?? "") - patchedMs).toBeLessThan(8_000);
      expect(conditionOf(status, "Converged")?.reason).toBe("AllReachableVerified");
      expect(status.sidecars).toMatchObject({ total: 7, verified: 6, unreachable: 1 });
      expect(status.lagging).toEqual([{ pod: `${sampleNamespace}/leaving`, reason: "Terminating" }]);
    });
    await mesh.untilStatus("six again, all verified", (it) => isAllVerified(it, 6), scheduleMs);
    await settleOn(mesh, false);
  });

  // Whether the kubelet still gives it new files is a race: both are right as long as the status says what is so.
  test("a pod being deleted is counted, not waited for, and EgressCut is not said while it reaches the outside", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    await settleOn(mesh, true);
    await cluster.apply(samplePod("leaving", stubborn));
    await mesh.untilStatus("seven verified", (it) => isAllVerified(it, 7), podsWithinMs);
    const leaving = { namespace: sampleNamespace, pod: "leaving" };
    const reaches = async () =>
      probeOnce(cluster, leaving, "tcp", mesh.world.outside.sites.tcp.target).then(
        ({ reached }) => reached,
        () => false,
      );
    await cluster.kubectl("wait", "--for=condition=Ready", "pod/leaving", "-n", sampleNamespace, "--timeout=60s");
    expect(await reaches()).toBe(true);
    await cluster.kubectl("delete", "pod", "leaving", "-n", sampleNamespace, "--wait=false");
    await patchEgress(cluster, "false");
    const off = await mesh.untilStatus("off", (it) => isOn(it, false), 15_000);
    expect(off.sidecars?.total).toBe(7);
    let reachedWhenCut = true;
    const cut = async () => {
      const isSaid = isCut(await mesh.status());
      reachedWhenCut = await reaches();
      return isSaid;
    };
    await eventually("EgressCut", cut, { withinMs: graceMs + cutWithinMs, everyMs: 200 });
    expect(reachedWhenCut).toBe(false);
    await mesh.untilStatus("six, all verified", (it) => isAllVerified(it, 6) && isCut(it), graceMs + podsWithinMs);
  });

  test("sidecars that answer with the old version are named, and keep Converged and EgressCut False", async () => {
    const mesh = theMesh();
    await settleOn(mesh, true);
    const { kubelet } = mesh.cluster;
    if (!kubelet) throw new Error("the kubelet is another process's");
    kubelet.signal("SIGSTOP");
    try {
      await patchEgress(mesh.cluster, "false");
      const six = (it: RolloutStatus) => it.target?.egress === false && it.lagging?.length === 6;
      const waiting = await mesh.untilStatus("six lag", six);
      expect(waiting.sidecars).toMatchObject({ total: 6, verified: 0, rejected: 0, unreachable: 0 });
      expect(waiting.lagging?.filter(({ reason }) => !reason.startsWith("OtherVersion: runs on-"))).toEqual([]);
      expect(conditionOf(waiting, "Converged")).toMatchObject({ status: "False", reason: "Waiting" });
      expect(conditionOf(waiting, "EgressCut")).toMatchObject({ status: "False", reason: "NotConverged" });
    } finally {
      kubelet.signal("SIGCONT");
    }
    await mesh.untilStatus("cut", isCut, cutWithinMs);
  });

  test("a stopped sidecar: counted, named, not waited for beyond the deadline, taken up when it is back", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    const stopped = await podOf(mesh.cluster, sampleNamespace, "bookthief");
    const name = `${stopped.namespace}/${stopped.pod}`;
    await whileStopped(mesh, stopped, async () => {
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
      expect(gaveUpAfterMs).toBeLessThan(deadlineMs + 4_000);
      expect(conditionOf(given, "Converged")?.reason).toBe("AllReachableVerified");
      expect(given.sidecars).toMatchObject({ total: 6, verified: 5, unreachable: 1 });
      const shown = await mesh.osm("egress", "status");
      const stdout = expect.stringMatching(new RegExp(`5 of 6 sidecars verified[^]*${name}`));
      expect(shown).toMatchObject({ exitCode: 0, stderr: "", stdout });
    });
    await mesh.untilStatus("all six", (it) => isAllVerified(it, 6), scheduleMs);
    await settleOn(mesh, false);
  });

  test("a lost event is made good by the schedule: no forwarder, one change", async () => {
    const mesh = theMesh();
    await settleOn(mesh, false);
    await setForwarder(mesh.cluster, false);
    await patchEgress(mesh.cluster, "true");
    const on = await mesh.untilStatus("on by schedule", (it) => isOn(it, true), scheduleMs);
    expect(on.history?.[0]).toMatchObject({ to: true, source: "osm.drift" });
  });

  test("a forwarder that starts sends one event, whatever it finds: what was missed is taken up at once", async () => {
    const mesh = theMesh();
    await patchEgress(mesh.cluster, "false");
    await setForwarder(mesh.cluster, true);
    const off = await mesh.untilStatus("off by the forwarder's start", (it) => isOn(it, false), 20_000);
    expect(off.history?.[0]?.to).toBe(false);
    await mesh.untilStatus("cut", isCut, cutWithinMs);
    expect(await podsOf(mesh.cluster, sampleNamespace)).toHaveLength(6);
  });
}

/** The pod's sidecar answers nobody meanwhile, and does again however that ends: other tests use the same pods. */
async function whileStopped(mesh: MeshWorld, { namespace, pod }: PodRef, run: () => Promise<void>): Promise<void> {
  await mesh.cluster.signal(namespace, pod, "envoy", "SIGSTOP");
  try {
    await run();
  } finally {
    await mesh.cluster.signal(namespace, pod, "envoy", "SIGCONT");
  }
}

function isAllVerified(status: Parameters<typeof isOn>[0], count: number): boolean {
  const { total, verified } = status.sidecars ?? {};
  return total === count && verified === count && conditionOf(status, "Converged")?.reason === "AllVerified";
}
