import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { conditionOf } from "#lib/rollout/status.ts";
import { eventually } from "#test/eventually.ts";
import { cutWithinMs, isCut, isOn } from "../expect-status.ts";
import { patchEgress, podOf } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { startProbe } from "../probe.ts";
import { sampleNamespace } from "../sample-mesh.ts";

/** From the patch to the last sidecar's answer: the event's way, writes, pokes, the kubelet; generous on a busy machine. */
const rolloutMs = 3_000;
/** The probe tells of a closed connection in its own process, and may be scheduled after the pass that saw it closed. */
const lateProbeMs = 100;

export function cutSuite(theMesh: () => MeshWorld, counts: { readonly toggles: number }): void {
  test("off: a sending connection is cut at once, an idle one within 5.5 s, and EgressCut follows", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    await patchEgress(cluster, "true");
    const on = await mesh.untilStatus("on", (it) => isOn(it, true));
    expect(on.history?.[0]).toMatchObject({ to: true, source: "osm.forwarder" });
    const from = await podOf(cluster, sampleNamespace, "bookbuyer");
    const { target } = mesh.world.outside.sites.tcp;
    const sending = startProbe(cluster, from, "tcp-send", target, "20");
    const idle = startProbe(cluster, from, "tcp-hold", target);
    await Promise.all([sending.until("open", 10_000), idle.until("open", 10_000)]);

    const patchedMs = Date.now();
    await patchEgress(cluster, "false");
    const converged = await mesh.untilStatus("off", (it) => isOn(it, false));
    const startedMs = Date.parse(converged.startedAt ?? "");
    const convergedMs = Date.parse(converged.convergedAt ?? "");
    expect(convergedMs - startedMs).toBeLessThan(rolloutMs);
    expect(convergedMs - patchedMs).toBeLessThan(rolloutMs);
    const [sendingCut, idleCut] = await Promise.all([sending.until("closed", 10_000), idle.until("closed", 10_000)]);
    // Every sidecar runs the file at the latest when the last of them has been verified.
    expect(sendingCut.at - convergedMs).toBeLessThan(500);
    expect(idleCut.at - convergedMs).toBeLessThan(5_500);
    expect(sendingCut.at).toBeGreaterThan(startedMs);
    // The silent one has its drain time: cut at once, it would be another kind of cut.
    expect(idleCut.at - sendingCut.at).toBeGreaterThan(4_000);

    const cut = await mesh.untilStatus("cut", isCut, cutWithinMs);
    expect(Date.parse(cut.cutAt ?? "") - convergedMs).toBeLessThanOrEqual(6_000);
    expect(Date.parse(cut.cutAt ?? "")).toBeGreaterThanOrEqual(idleCut.at - lateProbeMs);
    expect(cut.history?.[0]).toMatchObject({ to: false, from: true, source: "osm.forwarder", outcome: "Converged" });
  });

  test("EgressCut stays False while a connection is open, and a new one is refused meanwhile", async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    await patchEgress(cluster, "true");
    await mesh.untilStatus("on", (it) => isOn(it, true));
    const from = await podOf(cluster, sampleNamespace, "bookthief");
    const { target } = mesh.world.outside.sites.tcp;
    const idle = startProbe(cluster, from, "tcp-hold", target);
    await idle.until("open", 10_000);
    await patchEgress(cluster, "false");
    const converged = await mesh.untilStatus("off", (it) => isOn(it, false));
    expect(converged.history?.[0]).toMatchObject({ to: false, source: "osm.forwarder" });
    expect(conditionOf(converged, "EgressCut")).toMatchObject({ status: "False", reason: "Draining" });
    expect(idle.lines.some((line) => line.event === "closed")).toBe(false);
    const second = startProbe(cluster, from, "tcp-hold", target);
    await second.until("failed", 15_000);
    await mesh.untilStatus("cut", isCut, cutWithinMs);
    await idle.until("closed", 10_000);
  });

  test(`in-mesh connections, sending and idle, carry data after ${counts.toggles} toggles`, async () => {
    const mesh = theMesh();
    const { cluster } = mesh;
    const from = await podOf(cluster, sampleNamespace, "bookbuyer");
    const sending = startProbe(cluster, from, "tcp-send", "bookstore.bookstore:81", "50");
    const idle = startProbe(cluster, from, "tcp-hold", "bookstore.bookstore:81");
    await Promise.all([sending.until("sending", 10_000), idle.until("open", 10_000)]);
    for (let toggle = 0; toggle < counts.toggles; toggle++) {
      const egress = toggle % 2 === 0;
      await patchEgress(cluster, String(egress));
      await mesh.untilStatus(`toggle ${toggle}`, (it) => isOn(it, egress));
    }
    // The last drain must be over: whatever a toggle cuts late would be cut by then.
    await mesh.untilStatus("cut", isCut, cutWithinMs);
    await sleep(1_000);
    const before = sending.lines.at(-1);
    idle.send("still here");
    expect(await idle.until("echo", 10_000)).toMatchObject({ text: "still here" });
    // It tells once a second how it goes.
    const echoed = () => Number(sending.lines.at(-1)?.["echoed"]);
    await eventually("more is echoed", () => echoed() > Number(before?.["echoed"]));
    expect([sending.ended, idle.ended]).toEqual([false, false]);
    expect([...sending.lines, ...idle.lines].map((line) => line.event)).not.toContain("closed");
    sending.stop();
    idle.stop();
  });
}
