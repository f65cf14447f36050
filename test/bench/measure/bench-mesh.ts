import { Agent } from "undici";
import { connectionTo, http1, type KubeConnection, maxInFlight } from "#lib/kube/connection.ts";
import { osmConfigName, osmNamespace, reconcilersGroup } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { setForwarder } from "#test/world/forwarder.ts";
import { type MeshWorld, startMeshWorld } from "#test/world/mesh-world.ts";
import { adminTls, type BareClient, expectJson, mergePatch, openBareClient } from "./bare-client.ts";
import { type MeshConfig, readMeshConfig } from "./floor.ts";
import type { Progress } from "./progress.ts";
import { untilQueueIsEmpty } from "./queue.ts";
import { isAtRest, type RolloutWatch, watchRollout } from "./rollout-watch.ts";

/** A mesh world with what the measurements hold in their hands. */
export interface BenchMesh {
  readonly mesh: MeshWorld;
  readonly admin: BareClient;
  /** With the reconciler's rights, and under the policies that bind it. */
  readonly bareReconciler: BareClient;
  /** For passes in this process: the connection that the function has, as the administrator for the reconciler. */
  readonly reconciler: KubeConnection;
  readonly rollout: RolloutWatch;
  /** How long a mesh of this size may take with a change, and the queue with what comes of it; ms. */
  readonly withinMs: number;
  /** The forwarder's pods: none, and nobody but the caller wakes the reconciler. */
  setForwarder(runs: boolean): Promise<void>;
  /** Writes osm-config's `egress`; ms since the epoch before the request and after its answer. */
  patch(egress: boolean): Promise<{ readonly atMs: number; readonly answeredMs: number }>;
  /** Until nothing is left to do for this value. */
  untilAtRest(egress: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Nothing but the measured change is to wake anybody while it is measured. */
const parameters = { driftRate: "rate(1 day)" };

export async function startBenchMesh(progress: Progress, withinMs = 60_000): Promise<BenchMesh> {
  const mesh = await startMeshWorld({ parameters, log: (line) => progress.step(line) });
  try {
    progress.step("osm install");
    await mesh.install("--enable-permissive-traffic-policy");
    const [admin, bareReconciler] = await Promise.all([
      openBareClient(mesh.world),
      openBareClient(mesh.world, reconcilersGroup),
    ]);
    const connect = await adminTls(mesh.world);
    return benchMesh(mesh, withinMs, admin, bareReconciler, new Agent({ ...http1, connections: maxInFlight, connect }));
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

function benchMesh(
  mesh: MeshWorld,
  withinMs: number,
  admin: BareClient,
  bareReconciler: BareClient,
  dispatcher: Agent,
): BenchMesh {
  const rollout = watchRollout(mesh.cluster);
  return {
    mesh,
    admin,
    bareReconciler,
    reconciler: connectionTo(mesh.world.apiServer.url, async () => ({ headers: {}, dispatcher }), {
      user: "bench",
      groups: [reconcilersGroup],
    }),
    rollout,
    withinMs,
    async setForwarder(runs) {
      await setForwarder(mesh.cluster, runs);
      // Every start sends one event, up to a second after the pod runs; the last words of one that ends come at once.
      if (runs) await untilForwarded(mesh);
      await untilQueueIsEmpty(mesh.aws, withinMs);
    },
    async patch(egress) {
      const atMs = Date.now();
      const path = `/api/v1/namespaces/${osmNamespace}/configmaps/${osmConfigName}`;
      await expectJson(admin.send("PATCH", path, { data: { egress: String(egress) } }, mergePatch));
      return { atMs, answeredMs: Date.now() };
    },
    async untilAtRest(egress) {
      await rollout.until(`at rest with egress ${egress}`, (status) => isAtRest(status, egress), withinMs);
      await untilQueueIsEmpty(mesh.aws, withinMs);
    },
    async stop() {
      rollout.close();
      await mesh.stop();
    },
  };
}

async function untilForwarded({ cluster }: MeshWorld): Promise<void> {
  const hasSent = async () => {
    const log = await cluster.kubectl("logs", "-n", osmNamespace, "deployment/osm-forwarder", "--tail=-1");
    return log.includes('"events in"');
  };
  await eventually("the forwarder has sent an event", hasSent, { withinMs: 60_000, everyMs: 150 });
}

/** The mesh's configuration for both values of the switch, off at the end. @param pass  makes one reconcile */
export async function bothConfigs(
  { admin, patch, untilAtRest }: BenchMesh,
  pass: () => Promise<unknown>,
): Promise<Readonly<Record<"on" | "off", MeshConfig>>> {
  const read = async (egress: boolean) => {
    await patch(egress);
    await pass();
    await untilAtRest(egress);
    return readMeshConfig(admin);
  };
  return { on: await read(true), off: await read(false) };
}
