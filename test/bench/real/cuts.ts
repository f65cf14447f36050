import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sidecar } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { podsOf } from "#test/world/mesh-pods.ts";
import type { BenchMesh } from "../measure/bench-mesh.ts";
import { isAtRest, isConverged } from "../measure/rollout-watch.ts";
import { type Row, row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";
import { setSidecars } from "./sample.ts";

const script = join(import.meta.dirname, "connections.mjs");
/** DESIGN's, in ms. */
const design = { refused: 10, idleCut: 5_500, egressCut: 6_000 };

interface Cut {
  readonly refusedMs: number;
  readonly lastThroughMs: number;
  readonly sendingMs: number;
  readonly idleMs: number;
  readonly egressCutMs: number;
}

/** Alone, and where ten sidecars and the kubelet want the same two cores at the same moment. */
const sizes = [1, 10];

/** One round is a change to on, connections opened, and a change to off, by event. */
export const cuts: Scenario = {
  name: "cuts",
  title: "What off cuts, and when: from the moment that the sidecar has the file",
  async measure({ rounds = 10, progress, realMesh }) {
    const bench = await realMesh();
    const rows: Row[] = [];
    for (const size of sizes) {
      await setSidecars(bench, size);
      const [pod] = await podsOf(bench.mesh.cluster, "bench", "a");
      if (!pod) throw new Error("no pod to cut");
      const found: Cut[] = [];
      for (let round = 0; round < rounds; round++) {
        progress.step(`cuts, ${size} sidecars: ${round} of ${rounds}`);
        found.push(await cut(bench, pod, `${size}-${round}`));
      }
      rows.push(...rowsOf(size, found));
    }
    return {
      rows,
      notes: [
        "The file's time is the inode time of the volume's ..data link, which the kernel sets up to a clock tick (4 ms) early.",
        "New connections are made one after the other, one every 2 ms or so; negative: the last one that got through was begun before the swap.",
      ],
    };
  },
};

function rowsOf(size: number, found: readonly Cut[]): readonly Row[] {
  const of = (what: string, figure: (cut: Cut) => number, beside?: { readonly design: number }) =>
    row(`${size} sidecars: ${what}`, "ms", found.map(figure), beside);
  return [
    of("file swapped → last new connection that got through was begun", (it) => it.lastThroughMs, {
      design: design.refused,
    }),
    of("file swapped → an app has heard the first refusal", (it) => it.refusedMs),
    of("file swapped → sending connection cut (a byte every 5 ms)", (it) => it.sendingMs),
    of("file swapped → idle connection cut", (it) => it.idleMs, { design: design.idleCut }),
    of("Converged → EgressCut", (it) => it.egressCutMs, { design: design.egressCut }),
  ];
}

async function cut(
  { mesh, patch, rollout, untilAtRest }: BenchMesh,
  { namespace, pod }: { readonly namespace: string; readonly pod: string },
  round: string,
): Promise<Cut> {
  await patch(true);
  await untilAtRest(true);
  const { uid, pid } = await insides(mesh, namespace, pod);
  const { tcp } = mesh.world.outside.sites;
  const name = `connections-${round}`;
  const command = [
    "nsenter",
    "--target",
    String(pid),
    "--net",
    "--",
    process.execPath,
    script,
    tcp.address,
    String(tcp.port),
  ];
  const probe = await mesh.world.spawn(name, command);
  await line(probe.logPath, "open");
  const link = join(
    mesh.world.directory,
    "kubelet/pods",
    uid,
    "volumes/kubernetes.io~configmap",
    sidecar.volume,
    "..data",
  );
  const before = (await lstat(link)).ctimeMs;
  await patch(false);
  const converged = await rollout.until("off", (status) => isConverged(status, false), 60_000);
  const swapped = (await lstat(link)).ctimeMs;
  if (swapped === before) throw new Error("the sidecar's file has not been swapped");
  const [refused, sending, idle] = [
    await line(probe.logPath, "refused"),
    await line(probe.logPath, "sending cut"),
    await line(probe.logPath, "idle cut"),
  ];
  const atRest = await rollout.until("cut", (status) => isAtRest(status, false), 60_000);
  await untilAtRest(false);
  await probe.stop();
  return {
    refusedMs: refused.at - swapped,
    lastThroughMs: (refused.lastThrough ?? Number.NaN) - swapped,
    sendingMs: sending.at - swapped,
    idleMs: idle.at - swapped,
    egressCutMs: Date.parse(atRest.cutAt ?? "") - Date.parse(converged.convergedAt ?? ""),
  };
}

/** The pod's uid, and its app's process inside the world. */
async function insides(
  { cluster }: BenchMesh["mesh"],
  namespace: string,
  pod: string,
): Promise<{ uid: string; pid: number }> {
  interface Pod {
    readonly metadata: { readonly uid: string };
    readonly status: { readonly containerStatuses: readonly { readonly containerID: string }[] };
  }
  const object = JSON.parse(await cluster.kubectl("get", "pod", pod, "-n", namespace, "-o", "json")) as Pod;
  const id = object.status.containerStatuses[0]?.containerID.replace("containerd://", "") ?? "";
  const tasks = await cluster.containerd.ctr("tasks", "ls");
  const pid = Number(new RegExp(`^${id}\\s+(\\d+)`, "m").exec(tasks)?.[1]);
  if (!(pid > 0)) throw new Error(`${namespace}/${pod}: no process`);
  return { uid: object.metadata.uid, pid };
}

interface Line {
  readonly event: string;
  readonly at: number;
  readonly lastThrough?: number;
}

async function line(path: string, event: string): Promise<Line> {
  let text = "";
  const found = async () => {
    text = await readFile(path, "utf8");
    const lines = text.split("\n").filter((each) => each.startsWith("{"));
    return lines.map((each) => JSON.parse(each) as Line).find((each) => each.event === event);
  };
  return eventually(`"${event}" from connections.mjs`, found, { withinMs: 20_000, tell: () => text });
}
