import { type BenchMesh, bothConfigs } from "../measure/bench-mesh.ts";
import { type Change, changeAlone, changeByEvent, floorOf, kubeletRestMs, type Subject } from "../measure/change.ts";
import { type Floor, readSidecarPods } from "../measure/floor.ts";
import { reconcileAlone } from "../measure/pass.ts";
import { type Row, row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";
import { setSidecars } from "./sample.ts";

const counts = [1, 10, 30];
const largest = 30;
/** DESIGN's, for the largest. */
const wholePathMs = 800;

/** One round is a change to on and one to off, each with the floor before it: once alone, once by event. */
export const sidecars: Scenario = {
  name: "sidecars",
  title: "Patch of osm-config → every sidecar verified, real pods",
  async measure({ rounds = 5, progress, realMesh }) {
    const bench = await realMesh();
    const rows: Row[] = [];
    for (const count of counts) {
      progress.step(`${count} sidecars: starting`);
      const subject = await openSubject(bench, count);
      const byEvent = await alternate(subject, rounds, changeByEvent, (at) =>
        progress.step(`${count} sidecars: by event, ${at} of ${rounds}`),
      );
      const atOnce = count === largest ? await followUps(subject, rounds) : [];
      await bench.setForwarder(false);
      const alone = await alternate(subject, rounds, changeAlone, (at) =>
        progress.step(`${count} sidecars: reconcile alone, ${at} of ${rounds}`),
      );
      await bench.setForwarder(true);
      await bench.untilAtRest(false);
      rows.push(
        ...changeRows(`${count} sidecars`, byEvent, alone, {
          alone: 1.3,
          ...(count === largest ? { byEventMs: wholePathMs } : {}),
        }),
        ...(atOnce.length > 0 ? [row(`${count} sidecars: by event, to off as soon as on is there`, "ms", atOnce)] : []),
      );
    }
    return {
      rows,
      notes: [
        "floor: ConfigMaps applied, the same pods poked, asked until the version shows; 64 connections, the reconcilers' group, under their policies.",
        `Before each change ${kubeletRestMs} ms of rest: a kubelet looks at a pod again only after its next listing of containers, one a second.`,
        "by event: PATCH sent → the status's convergedAt. alone: pass begun → convergedAt. Each beside the floor of its own rounds.",
      ],
    };
  },
};

export async function openSubject(bench: BenchMesh, count: number): Promise<Subject> {
  await setSidecars(bench, count);
  await bench.setForwarder(false);
  const configs = await bothConfigs(bench, () => reconcileAlone(bench));
  await bench.setForwarder(true);
  await bench.untilAtRest(false);
  return { bench, pods: await readSidecarPods(bench.admin), configs, restMs: kubeletRestMs };
}

/** What a change costs that finds the kubelets not ready for it. */
async function followUps(subject: Subject, rounds: number): Promise<readonly number[]> {
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await changeByEvent(subject, true);
    const { patchedMs, convergedMs } = await changeByEvent({ ...subject, restMs: 0 }, false);
    tookMs.push(convergedMs - patchedMs);
  }
  return tookMs;
}

export interface Alternated {
  readonly changes: readonly Change[];
  readonly floors: readonly Floor[];
}

/** Floor, on, floor, off: whatever else the machine does falls on both. The first round warms up and does not count. */
export async function alternate(
  subject: Subject,
  rounds: number,
  change: (subject: Subject, egress: boolean) => Promise<Change>,
  onRound: (at: number) => void = () => undefined,
): Promise<Alternated> {
  const changes: Change[] = [];
  const floors: Floor[] = [];
  for (let round = 0; round <= rounds; round++) {
    onRound(round);
    for (const egress of [true, false]) {
      const floor = await floorOf(subject, !egress);
      const done = await change(subject, egress);
      if (round === 0) continue;
      floors.push(...floor);
      changes.push(done);
    }
  }
  return { changes, floors };
}

/** Ratios to the floor that the design allows, and what it allows the whole way, in ms. */
export interface Allowed {
  readonly byEvent?: number;
  readonly alone: number;
  readonly byEventMs?: number;
}

export function changeRows(what: string, byEvent: Alternated, alone: Alternated, allowed: Allowed): Row[] {
  const whole = ({ floors }: Alternated) => floors.map(({ wholeMs }) => wholeMs);
  const eventMs = byEvent.changes.map(({ patchedMs, convergedMs }) => convergedMs - patchedMs);
  const aloneMs = alone.changes.map(({ passBeganMs = Number.NaN, convergedMs }) => convergedMs - passBeganMs);
  const floors = [...byEvent.floors, ...alone.floors];
  const all = [...byEvent.changes, ...alone.changes];
  return [
    ...(allowed.byEventMs === undefined
      ? []
      : [row(`${what}: by event`, "ms", eventMs, { design: allowed.byEventMs })]),
    row(`${what}: by event`, "ms", eventMs, {
      floor: whole(byEvent),
      ...(allowed.byEvent === undefined ? {} : { wantedRatio: allowed.byEvent }),
    }),
    row(`${what}: reconcile alone`, "ms", aloneMs, { floor: whole(alone), wantedRatio: allowed.alone }),
    row(
      `${what}: convergedAt → a watch shows it`,
      "ms",
      all.map(({ convergedMs, seenMs }) => seenMs - convergedMs),
    ),
    row(
      `${what}: not on it when asked at Converged`,
      "pods",
      all.map(({ notThere }) => notThere),
      { design: 0 },
    ),
    row(
      `${what}: floor, writes`,
      "ms",
      floors.map(({ writeMs }) => writeMs),
    ),
    row(
      `${what}: floor, pokes`,
      "ms",
      floors.map(({ pokeMs }) => pokeMs),
    ),
    row(
      `${what}: floor, asks`,
      "ms",
      floors.map(({ askMs }) => askMs),
    ),
    row(
      `${what}: floor, pods poked again`,
      "pods",
      floors.map(({ repokes }) => repokes),
    ),
  ];
}
