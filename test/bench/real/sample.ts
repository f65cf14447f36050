import { sampleMesh } from "#test/world/sample-mesh.ts";
import type { BenchMesh } from "../measure/bench-mesh.ts";
import { reconcileAlone } from "../measure/pass.ts";
import { isAtRest } from "../measure/rollout-watch.ts";

const namespace = "bench";
const accounts = ["a", "b", "c", "d", "e", "f"] as const;
const startWithinMs = 180_000;

/** Replicas per account. */
const shapes: Readonly<Record<number, readonly number[]>> = {
  1: [1, 0, 0, 0, 0, 0],
  10: [2, 2, 2, 2, 1, 1],
  30: [5, 5, 5, 5, 5, 5],
};

/** Namespace, accounts and Services in the mesh; no pods yet, and egress off. */
export async function createSample({ mesh }: BenchMesh): Promise<void> {
  await mesh.cluster.apply(...sampleMesh({ namespace, accounts, replicas: 0 }));
  const added = await mesh.osm("namespace", "add", namespace);
  if (added.exitCode !== 0) throw new Error(`osm namespace add: ${added.stderr}`);
}

/** Exactly so many pods with sidecars, in six service accounts, all verified with egress off. @param count  1, 10 or 30 */
export async function setSidecars(bench: BenchMesh, count: number): Promise<void> {
  const shape = shapes[count];
  if (!shape) throw new Error(`no shape for ${count} sidecars`);
  const { cluster } = bench.mesh;
  await Promise.all(
    accounts.map((account, at) =>
      cluster.kubectl("scale", `deployment/${account}`, "-n", namespace, `--replicas=${shape[at]}`),
    ),
  );
  for (const account of accounts) {
    await cluster.kubectl("rollout", "status", `deployment/${account}`, "-n", namespace, "--timeout=180s");
  }
  const endMs = Date.now() + startWithinMs;
  // Pods that go are counted until they are gone, and nobody tells of the last of them.
  for (;;) {
    await reconcileAlone(bench, "drift");
    const { sidecars } = bench.rollout.last;
    if (sidecars?.total === count && sidecars.verified === count && isAtRest(bench.rollout.last, false)) break;
    if (Date.now() > endMs) throw new Error(`not ${count} sidecars: ${JSON.stringify(sidecars)}`);
  }
  await bench.untilAtRest(false);
}
