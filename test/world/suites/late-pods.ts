import { expect, test } from "vitest";
import type { Cluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/eventually.ts";
import { podsWithinMs } from "../expect-status.ts";
import { samplePod, settleOn } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";
import { appSpec, sampleAccounts, sampleNamespace } from "../sample-mesh.ts";

/** What the app of a new pod says of its first packet to the outside, by the switch, and how much of three arrives. */
const directions = [
  { mode: "on", egress: true, said: '"event":"done"', arrived: ["tcp", "tcp", "tcp"] },
  { mode: "off", egress: false, said: '"event":"failed"', arrived: [] },
] as const;

export function latePodsSuite(theMesh: () => MeshWorld): void {
  /** Its app tries to get out before it does anything else. */
  const eager = (name: string, account: string): object => {
    const { target } = theMesh().world.outside.sites.tcp;
    const script = `/bin/probe -timeout 8s tcp ${target}; exec /bin/probe pause`;
    return samplePod(name, appSpec(account, ["/bin/sh", "-c", script]));
  };

  test.each(directions)(
    "three pods created at once while egress is $mode are right from their apps' first packet",
    async (row) => {
      const { cluster, world } = theMesh();
      await settleOn(theMesh(), row.egress);
      await world.outside.forget();
      const names = sampleAccounts.map((account) => `first-packet-${row.mode}-${account}`);
      await cluster.apply(...sampleAccounts.map((account, index) => eager(names[index] ?? "", account)));
      const references = names.map((name) => `pod/${name}`);
      await cluster.kubectl("wait", "--for=condition=Ready", ...references, "-n", sampleNamespace, "--timeout=60s");
      const lines = await Promise.all(names.map((name) => firstLine(cluster, name)));
      expect(lines).toEqual(names.map(() => expect.stringContaining(row.said)));
      expect((await world.outside.arrivals()).map(({ kind }) => kind)).toEqual(row.arrived);
      await cluster.kubectl("delete", "pod", ...names, "-n", sampleNamespace);
    },
  );

  test.each(directions)(
    "a pod of a new service account starts by itself within 10 s, on the right value: $mode",
    async (row) => {
      const mesh = theMesh();
      await settleOn(mesh, row.egress);
      const name = `newcomer-${row.mode}`;
      const createdMs = Date.now();
      const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: sampleNamespace } };
      await mesh.cluster.apply(account, eager(name, name));
      await mesh.cluster.kubectl(
        "wait",
        "--for=condition=Ready",
        `pod/${name}`,
        "-n",
        sampleNamespace,
        "--timeout=30s",
      );
      expect(Date.now() - createdMs).toBeLessThan(10_000);
      expect(await firstLine(mesh.cluster, name)).toContain(row.said);
      await mesh.untilStatus(
        "seven verified",
        (it) => it.sidecars?.verified === 7 && it.sidecars.total === 7,
        podsWithinMs,
      );
      await mesh.cluster.kubectl("delete", "pod", name, "-n", sampleNamespace);
      await mesh.cluster.kubectl("delete", "serviceaccount", name, "-n", sampleNamespace);
      await mesh.untilStatus("six again", (it) => it.sidecars?.total === 6);
    },
  );
}

/** What the app printed first. */
function firstLine(cluster: Cluster, name: string): Promise<string> {
  const line = async () =>
    (await cluster.kubectl("logs", name, "-n", sampleNamespace, "-c", "app")).split("\n")[0] || undefined;
  return eventually(`a line of ${name}'s log`, line, { everyMs: 200 });
}
