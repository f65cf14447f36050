import { auditMark, type Call, reconcilerCalls } from "../measure/audit-log.ts";
import type { BenchMesh } from "../measure/bench-mesh.ts";
import { reconcileAlone } from "../measure/pass.ts";
import { type Row, row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";
import { setSidecars } from "./sample.ts";

const count = 30;
/** DESIGN's bounds for a hint pass with nothing to do. */
const bounds = { writes: 0, podLists: 1, otherReads: 15 };

/** One round is a pass of each kind. */
export const apiCalls: Scenario = {
  name: "calls",
  title: `API calls of one pass, ${count} real sidecars, from the audit log`,
  async measure({ rounds = 3, progress, realMesh }) {
    const bench = await realMesh();
    progress.step(`${count} sidecars: starting`);
    await setSidecars(bench, count);
    await bench.setForwarder(false);
    const on: (readonly Call[])[] = [];
    const off: (readonly Call[])[] = [];
    const idle: (readonly Call[])[] = [];
    const drift: (readonly Call[])[] = [];
    for (let round = 0; round < rounds; round++) {
      progress.step(`calls: ${round} of ${rounds}`);
      on.push(await toggled(bench, true));
      off.push(await toggled(bench, false));
      idle.push(await callsOf(bench, () => reconcileAlone(bench, "hint")));
      drift.push(await callsOf(bench, () => reconcileAlone(bench, "drift")));
    }
    await bench.setForwarder(true);
    await bench.untilAtRest(false);
    return {
      rows: [
        ...idleRows(idle),
        ...callRows("nothing to do", idle),
        ...callRows("drift check, nothing to do", drift),
        ...callRows("to on", on),
        ...callRows("to off, until every connection is cut", off),
      ],
      notes: ["How often the pods are asked, and the status looked at, depends on how fast the kubelet is."],
    };
  },
};

async function toggled(bench: BenchMesh, egress: boolean): Promise<readonly Call[]> {
  await bench.patch(egress);
  return callsOf(bench, () => reconcileAlone(bench));
}

async function callsOf({ mesh }: BenchMesh, pass: () => Promise<unknown>): Promise<readonly Call[]> {
  const path = mesh.cluster.auditLogPath;
  const mark = await auditMark(path);
  await pass();
  return reconcilerCalls(path, mark);
}

const reading = new Set(["get", "list", "watch"]);

function idleRows(passes: readonly (readonly Call[])[]): Row[] {
  const counted = (is: (call: Call) => boolean) => passes.map((calls) => calls.filter(is).length);
  const isPodList = ({ verb, resource }: Call) => verb === "list" && resource === "pods";
  return [
    row(
      "nothing to do: writes",
      "calls",
      counted(({ verb }) => !reading.has(verb)),
      { design: bounds.writes },
    ),
    row("nothing to do: lists of pods", "calls", counted(isPodList), { design: bounds.podLists }),
    row(
      "nothing to do: other reads",
      "calls",
      counted((call) => reading.has(call.verb) && !isPodList(call)),
      {
        design: bounds.otherReads,
      },
    ),
  ];
}

function callRows(pass: string, passes: readonly (readonly Call[])[]): Row[] {
  const name = ({ verb, resource }: Call) => `${verb} ${resource}`;
  const names = [...new Set(passes.flat().map(name))].sort();
  return [
    row(
      `${pass}: all`,
      "calls",
      passes.map((calls) => calls.length),
    ),
    ...names.map((each) =>
      row(
        `${pass}: ${each}`,
        "calls",
        passes.map((calls) => calls.filter((call) => name(call) === each).length),
      ),
    ),
  ];
}
