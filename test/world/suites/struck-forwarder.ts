import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { osmNamespace } from "#lib/mesh/names.ts";
import type { Child } from "#test/apiserver/faults/child.ts";
import { startForwarder } from "#test/apiserver/faults/forwarder-process.ts";
import { type AwsBetween, startAwsBetween } from "#test/aws/aws-between.ts";
import { someOf } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { digestsNow } from "#test/faults/proxy/digests-now.ts";
import type { ApiRequest, Meet } from "#test/faults/proxy/fault.ts";
import type { FaultProxy } from "#test/faults/proxy/fault-proxy.ts";
import { breachesIn, changesIn, writesIn } from "#test/faults/proxy/write-journal.ts";
import { isOn } from "../expect-status.ts";
import { setForwarder } from "../forwarder.ts";
import { patchEgress } from "../mesh-pods.ts";
import type { MeshWorld } from "../mesh-world.ts";

/** The mesh, what stands before its API server, and a connection past that. */
export interface Stage {
  readonly mesh: MeshWorld;
  readonly proxy: FaultProxy;
  readonly admin: KubeConnection;
}

type Between = Stage & { readonly bus: AwsBetween };

/** Where it is struck, and how many events of the change have come to the bus by then. */
const steps: readonly (readonly [name: string, arm: (at: Between, meet: Meet) => void, told: number])[] = [
  ["on receiving the watch event", watching, 0],
  ["before PutEvents", putting("before"), 0],
  ["after PutEvents", putting("after"), 1],
];
const withinMs = 90_000;
const putEvents = "AWSEvents.PutEvents";

function watching({ proxy }: Between, meet: Meet): void {
  proxy.faults = (request) => (isWatch(request) ? { kind: "meet line", when: "after", meet } : undefined);
}

function putting(when: "before" | "after") {
  return ({ bus }: Between, meet: Meet) => {
    bus.meeting = (call) => (call === putEvents ? { when, meet } : undefined);
  };
}

function isWatch({ path, query }: ApiRequest): boolean {
  return path.endsWith(`/${osmNamespace}/configmaps`) && query.get("watch") === "true";
}

/** `osm forward` as a process under the pod's identities, killed, and started again as the kubelet does. */
export function struckForwarderSuite(theStage: () => Stage): void {
  describe("a forwarder killed", () => {
    let home = "";
    let at: Between;
    let token: string;
    beforeAll(async () => {
      home = mkdtempSync(join(tmpdir(), "osm-forwarder-"));
      const stage = theStage();
      at = { ...stage, bus: await startAwsBetween(stage.mesh.aws.endpoint) };
      await setForwarder(stage.mesh.cluster, false);
      const words = ["create", "token", "osm-forwarder", "-n", osmNamespace, "--duration=1h"];
      token = (await stage.mesh.cluster.kubectl(...words)).trim();
    });
    afterAll(async () => {
      if (home !== "") rmSync(home, { recursive: true });
      if (!at) return;
      at.proxy.faults = () => undefined;
      await at.bus.close();
      await setForwarder(at.mesh.cluster, true);
    });

    const start = (name: string): Child =>
      startForwarder(name, {
        osm: join(import.meta.dirname, "../../../dist/osm.mjs"),
        awsUrl: at.bus.url,
        api: at.proxy,
        home,
        bus: at.mesh.aws.busName,
        token,
        credentials: at.mesh.aws.credentials.forwarder,
      });
    const told = () => at.bus.carriedOut.filter((call) => call === putEvents).length;

    test.each(someOf(steps))("%s: the change arrives, once", async (_name, arm, toldByThen) => {
      const { mesh, proxy, bus, admin } = at;
      const { target, history: before = [] } = await mesh.status();
      const egress = target?.egress !== true;
      const digests = await digestsNow(admin);
      proxy.exchanges.length = 0;
      bus.carriedOut.length = 0;
      const met = Promise.withResolvers<void>();
      let first: Child | undefined;
      let second: Child | undefined;
      let isArmed = false;
      arm(at, async () => {
        // Its start is an event as well.
        if (!isArmed) return "go on";
        isArmed = false;
        await first?.kill();
        met.resolve();
        return "drop";
      });
      try {
        first = start("struck");
        const tell = () => JSON.stringify([first?.log, first?.said]);
        await eventually("it has told of its start", () => told() === 1, { tell });
        await eventually("it watches", () => proxy.exchanges.some((one) => isWatch(one) && one.status === 200));
        isArmed = true;
        await patchEgress(mesh.cluster, String(egress));
        await met.promise;
        expect(told() - 1).toBe(toldByThen);
        second = start("successor");
        const reached = await mesh.untilStatus("there", (it) => isOn(it, egress) && it.phase === "Idle", withinMs);
        const ends = reached.history?.map(({ to, outcome }) => [to, outcome]);
        expect(ends?.slice(0, 2)).toEqual([
          [egress, "Converged"],
          [before[0]?.to, before[0]?.outcome],
        ]);
        const writes = writesIn(proxy.exchanges);
        const objects = changesIn(writes, digests).map((change) => change.split(" ")[0] ?? "");
        expect(objects.toSorted()).toEqual([...digests.keys()].toSorted());
        expect(breachesIn(writes, digests, new Set())).toEqual([]);
      } finally {
        proxy.faults = () => undefined;
        bus.meeting = () => undefined;
        await Promise.all([first?.kill(), second?.kill()]);
      }
    });
  });
}
