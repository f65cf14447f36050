import { setTimeout as sleep } from "node:timers/promises";
import type { BenchMesh } from "./bench-mesh.ts";
import { bareChange, type Floor, type MeshConfig, type PodName, runs } from "./floor.ts";
import { reconcileAlone } from "./pass.ts";
import { isConverged } from "./rollout-watch.ts";

/** One change of the switch, and what became of it; times in ms since the epoch. */
export interface Change {
  readonly egress: boolean;
  readonly patchedMs: number;
  readonly answeredMs: number;
  /** When the pass began, where it ran in this process. */
  readonly passBeganMs?: number;
  /** The status's own. */
  readonly convergedMs: number;
  /** When the status could be read by whoever watches it. */
  readonly seenMs: number;
  /** Pods that, asked past the status once it said Converged, did not run the new version. */
  readonly notThere: number;
}

export type BothConfigs = Readonly<Record<"on" | "off", MeshConfig>>;

/** Everything that is measured on one set of pods. */
export interface Subject {
  readonly bench: BenchMesh;
  readonly pods: readonly PodName[];
  readonly configs: BothConfigs;
  /** Between two changes, so that the second one finds kubelets that are ready for it. */
  readonly restMs: number;
}

/**
 * A kubelet lists its containers every second, and looks at a pod again only when it has listed them since its last look:
 * a change that follows another one within a second waits for that, whoever makes it.
 */
export const kubeletRestMs = 1_500;

const configOf = (configs: BothConfigs, egress: boolean): MeshConfig => configs[egress ? "on" : "off"];

/** Patch, and whatever comes of it by itself: forwarder, bus, queue, function. */
export async function changeByEvent(subject: Subject, egress: boolean): Promise<Change> {
  await sleep(subject.restMs);
  const patched = await subject.bench.patch(egress);
  const change = await converged(subject, egress, { patchedMs: patched.atMs, answeredMs: patched.answeredMs });
  await subject.bench.untilAtRest(egress);
  return change;
}

/** Patch, and one pass in this process. The forwarder must not run. */
export async function changeAlone(subject: Subject, egress: boolean): Promise<Change> {
  await sleep(subject.restMs);
  const patched = await subject.bench.patch(egress);
  const passBeganMs = Date.now();
  const pass = reconcileAlone(subject.bench);
  const began = { patchedMs: patched.atMs, answeredMs: patched.answeredMs, passBeganMs };
  const [change] = await Promise.all([converged(subject, egress, began), pass]);
  return change;
}

async function converged(
  { bench, pods, configs }: Subject,
  egress: boolean,
  began: Pick<Change, "patchedMs" | "answeredMs" | "passBeganMs">,
): Promise<Change> {
  const status = await bench.rollout.until(`egress ${egress}`, (it) => isConverged(it, egress), bench.withinMs);
  const seenMs = Date.now();
  const { digest } = configOf(configs, egress);
  const there = await Promise.all(pods.map((pod) => runs(bench.admin, pod, digest)));
  const notThere = there.filter((it) => !it).length;
  return { egress, ...began, convergedMs: Date.parse(status.convergedAt ?? ""), seenMs, notThere };
}

/**
 * The least that both directions cost, behind everybody's back: to the other value and again to the one that stands, so
 * that whoever looks afterwards finds nothing to do.
 *
 * @param stands  what osm-config says
 */
export async function floorOf({ bench, pods, configs, restMs }: Subject, stands: boolean): Promise<readonly Floor[]> {
  await sleep(restMs);
  const there = await bareChange(bench.bareReconciler, configOf(configs, !stands), pods);
  await sleep(restMs);
  const back = await bareChange(bench.bareReconciler, configOf(configs, stands), pods);
  return [there, back];
}
