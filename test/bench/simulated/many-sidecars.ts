import type { RolloutStatus } from "#lib/rollout/status.ts";
import { type BenchMesh, bothConfigs, startBenchMesh } from "../measure/bench-mesh.ts";
import { changeAlone, changeByEvent, type Subject } from "../measure/change.ts";
import { readSidecarPods } from "../measure/floor.ts";
import { workersOf } from "../measure/function-workers.ts";
import { reconcileAlone } from "../measure/pass.ts";
import { type Row, row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";
import { alternate, changeRows } from "../real/sidecars.ts";
import type { Shape } from "./shape.ts";
import { simulate } from "./simulate.ts";

interface Size extends Shape {
  readonly rounds: number;
  readonly withinMs: number;
  readonly onlyWhenAsked?: true;
}

/** DESIGN's, for the function. */
const memoryMiB = 512;

/** One round is a change to on and one to off, each with the floor before it: once by event, once alone. */
function manySidecars(size: Size): Scenario {
  const { pods, accounts, withinMs } = size;
  const what = `${pods} sidecars`;
  return {
    name: String(pods),
    title: `Patch of osm-config → every sidecar verified, ${pods} simulated in ${accounts} service accounts`,
    ...(size.onlyWhenAsked ? { onlyWhenAsked: size.onlyWhenAsked } : {}),
    async measure({ rounds = size.rounds, progress }) {
      const bench = await startBenchMesh(progress, withinMs);
      try {
        const growth = await grow(bench, size, (text) => progress.step(text));
        await bench.untilAtRest(false);
        await bench.setForwarder(false);
        const configs = await bothConfigs(bench, () => reconcileAlone(bench));
        const subject: Subject = { bench, pods: await readSidecarPods(bench.admin), configs, restMs: 0 };
        if (subject.pods.length !== pods) throw new Error(`${subject.pods.length} pods, not ${pods}`);
        const alone = await alternate(subject, rounds, changeAlone, (at) =>
          progress.step(`${what}: reconcile alone, ${at} of ${rounds}`),
        );
        await bench.setForwarder(true);
        await bench.untilAtRest(false);
        const byEvent = await alternate(subject, rounds, changeByEvent, (at) =>
          progress.step(`${what}: by event, ${at} of ${rounds}`),
        );
        const workers = await workersOf(bench.mesh.aws.emulator, bench.mesh.aws.functionNames.reconcile);
        const rows: Row[] = changeRows(what, byEvent, alone, { byEvent: 1.5, alone: 1.5 });
        rows.push(
          row(`${what}: made, with the mesh at work`, "ms", [growth.madeMs]),
          row(`${what}: the last one made → all verified`, "ms", [growth.verifiedMs]),
          row(
            `${what}: the function's most memory`,
            "MiB",
            workers.map(({ peakMiB }) => peakMiB),
            { design: memoryMiB },
          ),
        );
        return {
          rows,
          notes: [
            "Simulated: nodes are objects only, pods are injected and bound to them, one server answers for every sidecar with the versions that its ConfigMap holds.",
            `${accounts} ConfigMaps, ${accounts / 10} Services. API server, etcd, controllers, forwarder and function share the machine with it.`,
          ],
        };
      } finally {
        await bench.stop();
      }
    },
  };
}

/** The mesh grows as fast as pods can be made, under its forwarder and its function. */
async function grow(
  bench: BenchMesh,
  size: Size,
  step: (text: string) => void,
): Promise<{ readonly madeMs: number; readonly verifiedMs: number }> {
  const beganMs = Date.now();
  await simulate(bench, size, step);
  const madeMs = Date.now();
  step(`${size.pods} sidecars: until all are verified`);
  const areVerified = ({ sidecars }: RolloutStatus) => sidecars?.total === size.pods && sidecars.verified === size.pods;
  await bench.rollout.until(`${size.pods} sidecars verified`, areVerified, size.withinMs);
  return { madeMs: madeMs - beganMs, verifiedMs: Date.now() - madeMs };
}

export const thousandSidecars = manySidecars({ pods: 1_000, accounts: 200, rounds: 3, withinMs: 120_000 });
export const tenThousandSidecars = manySidecars({
  pods: 10_000,
  accounts: 500,
  rounds: 1,
  withinMs: 900_000,
  onlyWhenAsked: true,
});
