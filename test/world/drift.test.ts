import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { annotations } from "#lib/mesh/names.ts";
import type { OpenFinding, PastFinding } from "#lib/rollout/drift/drift-status.ts";
import type { Finding } from "#lib/rollout/drift/finding.ts";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { type BusObserver, observeResults } from "#test/aws/bus-observer.ts";
import { scheduleDriftCheck, setDriftSchedule } from "#test/aws/drift-schedule.ts";
import { putEvent } from "#test/aws/put-event.ts";
import { isFull } from "#test/counts.ts";
import { eventually } from "#test/eventually.ts";
import { configEvents, countedByMetric } from "./announced.ts";
import {
  configMapOf,
  correctedKinds,
  type DriftKind,
  mapName,
  openEgress,
  type ReportedKind,
  reportedKinds,
} from "./drift-kinds.ts";
import { cutWithinMs, isCut, podsWithinMs } from "./expect-status.ts";
import { podOf } from "./mesh-pods.ts";
import { clusterName, type MeshWorld, startMeshWorld } from "./mesh-world.ts";
import { probeOnce } from "./probe.ts";
import { bringUpSample, sampleNamespace } from "./sample-mesh.ts";

let mesh: MeshWorld;
let bus: BusObserver;

beforeAll(async () => {
  mesh = await startMeshWorld({ log: (line) => console.log(line) });
  // Passes come when a test asks for them.
  await setDriftSchedule(mesh.aws, "DISABLED");
  await mesh.install("--enable-permissive-traffic-policy");
  await bringUpSample(mesh, 1);
  await mesh.cluster.kubectl("create", "serviceaccount", "lonely", "-n", sampleNamespace);
  await mesh.untilStatus("three verified", (it) => isCut(it) && it.sidecars?.verified === 3, podsWithinMs);
  bus = await observeResults(mesh.aws);
});
afterAll(async () => {
  await mesh?.stop();
});
// What an earlier test had corrected would make this one wait.
beforeEach(async () => {
  const patch = JSON.stringify([{ op: "add", path: "/status/drift", value: {} }]);
  const status = ["egr", "osm-config", "-n", "osm-system", "--subresource=status", "--type=json"];
  await mesh.cluster.kubectl("patch", ...status, "-p", patch);
});
afterEach(async () => {
  await setMode("correct");
  await driftPass("--correct");
  await mesh.untilStatus("at rest", (it) => isCut(it) && isDrifted(it) === "False", cutWithinMs);
});

function setMode(drift: "correct" | "detect"): Promise<string> {
  const patch = JSON.stringify({ spec: { drift } });
  return mesh.cluster.kubectl("patch", "egr", "osm-config", "-n", "osm-system", "--type=merge", "-p", patch);
}

/** As a person asks for a look, from the AWS console. */
function ask(): Promise<string> {
  const { operator } = mesh.aws.credentials;
  return putEvent(mesh.aws, operator, "a.person", "Egress Reconcile Requested", { cluster: clusterName });
}

/** A drift pass to its end. While the forwarder's passes write, a command's is sent away. */
async function driftPass(...flags: readonly string[]): Promise<string> {
  return eventually("a drift pass has run", async () => {
    const { stdout, stderr } = await mesh.osm("reconcile", ...flags);
    const said = stdout + stderr;
    return said.startsWith("settled") && said;
  });
}

/** A pass that finds it: the function's where any does, and where all must be asked the same pass from a command. */
async function look({ foundBy }: Pick<DriftKind, "foundBy">): Promise<void> {
  if (foundBy === "any pass") await ask();
  else await driftPass();
}

const isDrifted = (status: RolloutStatus) => conditionOf(status, "Drifted")?.status;
const everyKind = Object.entries<DriftKind>(correctedKinds);

/** The finding that is as expected, of those. @throws when it is not there, with those that are */
function found<T extends Finding>(findings: readonly T[] | undefined, expected: Partial<Finding>): T {
  const finding = findings?.find(({ object }) => object === expected.object);
  expect(finding, JSON.stringify(findings, null, 1)).toMatchObject({
    ...expected,
    since: { before: expect.any(String) },
  });
  return finding as T;
}

function isBounded({ since }: Finding, madeMs: number, foundMs: number): void {
  // managedFields have whole seconds, cut off.
  expect(Date.parse(since.before)).toBeGreaterThanOrEqual(madeMs - 1_000);
  expect(Date.parse(since.before)).toBeLessThanOrEqual(foundMs);
  expect(Date.parse(since.after ?? since.before)).toBeLessThanOrEqual(Date.parse(since.before));
}

async function isOutsideReachable(app: string): Promise<boolean> {
  const from = await podOf(mesh.cluster, sampleNamespace, app);
  return (await probeOnce(mesh.cluster, from, "tcp", mesh.world.outside.sites.tcp.target)).reached;
}

/** Since then: of one object several tests tell. */
async function told(detailType: string, object: string, sinceMs: number): Promise<boolean> {
  const key = detailType.endsWith("Found") ? "found" : "corrected";
  return (await bus.heard()).some(({ "detail-type": type, detail }) => {
    const { time } = detail["metadata"] as { readonly time: string };
    return type === detailType && Date.parse(time) >= sinceMs && JSON.stringify(detail[key]).includes(object);
  });
}

describe("correct", () => {
  test.each(everyKind)("%s: put right, and told", async (_, kind) => {
    const madeMs = Date.now();
    const countedBefore = await countedByMetric(mesh.aws, "EgressDriftCorrected");
    // Before it is made: a pass that is still under way may find it before it is looked for.
    const messagesBefore = await driftMessages();
    await kind.make(mesh);
    const expected = await kind.expected(mesh);
    await look(kind);
    const isOver = (it: RolloutStatus) => it.drift?.history !== undefined && isDrifted(it) === "False";
    const status = await mesh.untilStatus("corrected", isOver);
    const past: PastFinding = found(status.drift?.history, expected);
    expect(past).toMatchObject({ outcome: "Corrected" });
    isBounded(past, madeMs, Date.parse(past.foundAt));
    await mesh.untilStatus("verified", (it) => isCut(it) && it.sidecars?.verified === 3, cutWithinMs);
    if (kind.foundBy === "any pass") {
      await eventually("Found on the bus", () => told("Egress Drift Found", past.object, madeMs));
      await eventually("Corrected on the bus", () => told("Egress Drift Corrected", past.object, madeMs));
      await eventually(
        "the metric",
        async () => (await countedByMetric(mesh.aws, "EgressDriftCorrected")) > countedBefore,
        // The log has it when its pass has ended.
        { withinMs: 40_000 },
      );
    }
    const messages = ofObject(past.object, await driftMessages());
    expect(messages).toHaveLength(ofObject(past.object, messagesBefore).length + 2);
    for (const app of ["bookbuyer", "bookthief"]) expect(await isOutsideReachable(app)).toBe(false);
  });

  test("all at once, by one check of the schedule", async () => {
    const all = await makeAll();
    await scheduleDriftCheck(mesh.aws);
    const isDone = ({ drift }: RolloutStatus) =>
      all.every(({ object }) => drift?.history?.some((it) => it.object === object));
    // The emulator looks every ten seconds.
    const status = await mesh.untilStatus("all corrected", (it) => isDone(it) && isCut(it), 40_000);
    for (const expected of all) found(status.drift?.history, expected);
    expect(status.drift?.checkedAt).toBeDefined();
    expect(status.sidecars).toMatchObject({ total: 3, verified: 3 });
  });
});

// One by one is for the full counts; together they say it in the gate too.
const oneByOne = isFull ? everyKind : everyKind.slice(0, 1);

describe("detect", () => {
  test.each(oneByOne)("%s: reported with the line that corrects it, and left", async (_, kind) => {
    await setMode("detect");
    const madeMs = Date.now();
    await kind.make(mesh);
    const expected = await kind.expected(mesh);
    await look(kind);
    const status = await mesh.untilStatus("found", (it) => isDrifted(it) === "True");
    const finding: OpenFinding = found(status.drift?.findings, expected);
    expect(finding).toMatchObject({ action: "Detected", repair: "osm reconcile --correct" });
    isBounded(finding, madeMs, Date.parse(finding.foundAt));
    expect(conditionOf(status, "Drifted")?.reason).toBe("DetectOnly");
    const shown = await mesh.osm("egress", "status");
    for (const text of [finding.object, finding.found, "osm reconcile --correct"]) expect(shown.stdout).toContain(text);
    const writes = await sidecarWrites();
    await look(kind);
    await sleep(2_000);
    expect(await sidecarWrites()).toEqual(writes);

    expect(await driftPass("--correct")).toContain("3 of 3 sidecars verified");
    expect(isDrifted(await mesh.status())).toBe("False");
    expect(found((await mesh.status()).drift?.history, expected)).toMatchObject({ outcome: "Corrected" });
  });

  test("all at once", async () => {
    await setMode("detect");
    const all = await makeAll();
    await driftPass();
    const status = await mesh.status();
    for (const expected of all) expect(found(status.drift?.findings, expected).action).toBe("Detected");
    expect(conditionOf(status, "Converged")?.status).toBe("False");
  });

  test("what is let out stays let out, and the status does not call it off", async () => {
    await setMode("detect");
    await openEgress(mesh, "bookbuyer", "a-stranger");
    // The kubelet looks when its pod changes.
    const { pod } = await podOf(mesh.cluster, sampleNamespace, "bookbuyer");
    await mesh.cluster.kubectl("annotate", "pod", pod, "-n", sampleNamespace, "example.com/look=now", "--overwrite");
    await eventually("traffic gets out", () => isOutsideReachable("bookbuyer"), { withinMs: 10_000 });
    await ask();
    const status = await mesh.untilStatus("found", (it) => isDrifted(it) === "True");
    expect(conditionOf(status, "Converged")).toMatchObject({ status: "False", reason: "SidecarsDiffer" });
    expect(conditionOf(status, "EgressCut")?.status).toBe("False");
    expect(status.lagging?.[0]).toMatchObject({
      pod: `${sampleNamespace}/${pod}`,
      reason: expect.stringContaining("Altered"),
    });
    expect(await isOutsideReachable("bookbuyer")).toBe(true);
  });
});

const everyReport = Object.entries<ReportedKind>(reportedKinds);

describe.each(isFull ? (["correct", "detect"] as const) : (["correct"] as const))("only reported, %s", (mode) => {
  test.each(isFull ? everyReport : everyReport.slice(1, 2))(
    "%s: told with the line that repairs it, and the line does",
    async (_, kind) => {
      await setMode(mode);
      const madeMs = Date.now();
      const countedBefore = await countedByMetric(mesh.aws, "EgressDriftFound");
      const messagesBefore = await driftMessages();
      await kind.make(mesh);
      const object = await kind.object(mesh);
      // The function's own look, with no more rights than it has.
      await scheduleDriftCheck(mesh.aws);
      const isReported = ({ drift }: RolloutStatus) => drift?.findings?.some((it) => it.object === object) ?? false;
      const status = await mesh.untilStatus("reported", isReported, 40_000);
      const finding = found(status.drift?.findings, { object, ...kind.found });
      expect(finding).toMatchObject({ action: "Reported", repair: ["osm", ...kind.repair].join(" ") });
      expect(Date.parse(finding.since.before)).toBeGreaterThanOrEqual(madeMs - 1_000);
      expect(conditionOf(status, "Drifted")).toMatchObject({ status: "True", reason: "NeedsPerson" });
      expect((await mesh.osm("egress", "status")).stdout).toContain(finding.repair);
      await eventually("Found on the bus", () => told("Egress Drift Found", object, madeMs));
      const isCounted = async () => (await countedByMetric(mesh.aws, "EgressDriftFound")) > countedBefore;
      await eventually("the metric", isCounted, { withinMs: 40_000 });
      const messages = ofObject(object, await driftMessages());
      expect(messages).toHaveLength(ofObject(object, messagesBefore).length + 1);
      expect(messages.at(-1)).toContain(finding.repair);

      const repaired = await mesh.osm(...kind.repair);
      expect(repaired).toMatchObject({ exitCode: 0 });
      await driftPass();
      const after = (await mesh.status()).drift;
      expect(after?.findings?.filter((it) => it.object === object) ?? []).toEqual([]);
      expect(found(after?.history, { object })).toMatchObject({ outcome: "Gone" });
      await kind.cleanUp?.(mesh);
    },
  );

  test("all at once, with what is corrected", async () => {
    await setMode(mode);
    for (const [, kind] of everyReport) await kind.make(mesh);
    const objects = await Promise.all(everyReport.map(([, kind]) => kind.object(mesh)));
    // Some of them change what sidecars must run, and only where that has arrived does a sidecar stray.
    await driftPass();
    const corrected = await makeAll();
    await driftPass();
    const status = await mesh.status();
    for (const [at, [, kind]] of everyReport.entries()) {
      found(status.drift?.findings, { object: objects[at] ?? "", ...kind.found });
    }
    const there = mode === "correct" ? status.drift?.history : status.drift?.findings;
    for (const expected of corrected) found<Finding>(there, expected);
    for (const [, kind] of everyReport.toReversed()) await mesh.osm(...kind.repair);
    for (const [, kind] of everyReport) await kind.cleanUp?.(mesh);
  });
});

test("a ConfigMap edited in a loop meets backoff, and the status says who, how often and when next", async () => {
  const name = mapName("bookbuyer");
  const fighting = new AbortController();
  const fight = (async () => {
    while (!fighting.signal.aborted) {
      const who = ["get", "cm", name, "-n", sampleNamespace, "-o", "jsonpath={.data.lds\\.json}"];
      if (!(await mesh.cluster.kubectl(...who)).includes("passthrough-outbound")) {
        await openEgress(mesh, "bookbuyer", "fighter").catch(() => undefined);
      }
      await sleep(200);
    }
  })();
  const asking = (async () => {
    while (!fighting.signal.aborted) {
      await ask();
      await sleep(500);
    }
  })();
  const corrections: number[] = [];
  let last: string | undefined;
  try {
    await eventually(
      "four corrections",
      async () => {
        const { drift } = await mesh.status();
        const at = [...(drift?.findings ?? []), ...(drift?.history ?? [])].find(
          ({ object, by }) => object === configMapOf("bookbuyer") && by === "fighter",
        )?.correctedAt;
        if (at !== undefined && at !== last) corrections.push(Date.parse(at));
        last = at ?? last;
        return corrections.length >= 4;
      },
      { withinMs: 60_000, everyMs: 100, tell: async () => JSON.stringify((await mesh.status()).drift, null, 1) },
    );
    const apart = corrections.slice(1).map((at, index) => (at - (corrections[index] ?? 0)) / 1_000);
    [2, 6, 18].forEach((seconds, step) => {
      expect(apart[step]).toBeGreaterThanOrEqual(seconds);
      expect(apart[step]).toBeLessThan(seconds + 5);
    });
    const status = await mesh.untilStatus("reported", (it) => conditionOf(it, "Drifted")?.reason === "BackingOff");
    expect(status.drift?.findings).toMatchObject([{ action: "BackingOff", by: "fighter", times: 4 }]);
    expect(conditionOf(status, "Drifted")?.message).toContain("by fighter, undone 4 times");
    expect((await mesh.osm("egress", "status")).stdout).toMatch(/fighter .* undone 4 times, written back after 20/);
  } finally {
    fighting.abort();
    await Promise.allSettled([fight, asking]);
  }
});

async function makeAll(): Promise<readonly Partial<Finding>[]> {
  // Of one ConfigMap there is one finding.
  const again = ["a ConfigMap edited under the version that it had", "a file taken out of a ConfigMap"];
  const kinds = everyKind.filter(([name]) => !again.includes(name)).map(([, kind]) => kind);
  for (const kind of kinds) await kind.make(mesh);
  return Promise.all(kinds.map((kind) => kind.expected(mesh)));
}

/** On osm-config. */
async function driftMessages(): Promise<readonly string[]> {
  const found = await configEvents(mesh.cluster, "EgressDriftFound");
  const corrected = await configEvents(mesh.cluster, "EgressDriftCorrected");
  return [...found, ...corrected];
}

function ofObject(object: string, messages: readonly string[]): readonly string[] {
  return messages.filter((message) => message.startsWith(`${object}: `));
}

/** What a correction would change: ConfigMaps' versions, and pods' notes of pokes. */
async function sidecarWrites(): Promise<string> {
  const lines = (field: string) => [
    "-o",
    `jsonpath={range .items[*]}{.metadata.name} {.metadata.${field}}{"\\n"}{end}`,
  ];
  const poke = annotations.poke.replaceAll(".", "\\.");
  const maps = await mesh.cluster.kubectl("get", "cm", "-n", sampleNamespace, ...lines("resourceVersion"));
  return maps + (await mesh.cluster.kubectl("get", "pods", "-n", sampleNamespace, ...lines(`annotations.${poke}`)));
}
