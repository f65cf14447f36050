import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isCut, isOn } from "../expect-status.ts";
import { setForwarder } from "../forwarder.ts";
import { patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { sampleAccounts, sampleNamespace } from "../sample-mesh.ts";
import { sidecarConfigMaps } from "../sidecars.ts";

const bundled = join(import.meta.dirname, "../../../dist/osm.mjs");

export function withoutAwsSuite(theMesh: () => MeshWorld): void {
  test("osm reconcile asks every sidecar, writes nothing to a settled mesh, and says so", async () => {
    const mesh = theMesh();
    const before = await sampleConfigMaps(mesh);
    const result = await mesh.osm("reconcile");
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toContain("settled: 6 of 6 sidecars verified");
    expect(await sampleConfigMaps(mesh)).toEqual(before);
  });

  test("osm reconcile --watch takes changes up by itself, with no forwarder running, and ends on SIGTERM", async () => {
    const mesh = theMesh();
    await setForwarder(mesh.cluster, false);
    const child = spawn(process.execPath, [bundled, "reconcile", "--watch"], {
      env: { PATH: process.env["PATH"] ?? "", KUBECONFIG: mesh.cluster.kubeconfigPath },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await firstOutput(child);
      await patchEgress(mesh.cluster, "true");
      const on = await mesh.untilStatus("on", (it) => isOn(it, true), 20_000);
      expect(on.history?.[0]).toMatchObject({ to: true, source: "osm.cli" });
      await patchEgress(mesh.cluster, "false");
      await mesh.untilStatus("off and cut", isCut, 20_000);
    } finally {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
      await setForwarder(mesh.cluster, true);
    }
  });
}

/** Of accounts that are there: those of an account that has gone may be deleted at any time. */
async function sampleConfigMaps({ cluster }: MeshWorld) {
  const maps = await sidecarConfigMaps(cluster);
  return sampleAccounts.map((account) => maps.get(`${sampleNamespace}/osm-sidecar.${account}`));
}

/** It logs as soon as its watches stand. Bounded: 20 s. */
async function firstOutput(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("osm reconcile --watch has said nothing within 20 s")), 20_000);
    child.stdout?.once("data", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
