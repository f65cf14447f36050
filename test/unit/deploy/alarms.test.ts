import { readFile } from "node:fs/promises";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { countResult, recordCluster, recordOutcome, recordUnreadable } from "#lib/aws/figures.ts";
import { passContext } from "#lib/aws/pass-context.ts";
import type { ResultEvent } from "#lib/events/result-event.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";
import { readServerlessFile } from "../../../tools/package/serverless-file.ts";

interface Alarm {
  readonly MetricName: string;
  readonly Namespace: string;
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: unknown }[];
}

const resources = Object.values((await readServerlessFile()).resources.Resources);
const alarms = resources
  .filter(({ Type }) => Type === "AWS::CloudWatch::Alarm")
  .map(({ Properties }) => Properties as Alarm);
const [dashboard] = resources
  .filter(({ Type }) => Type === "AWS::CloudWatch::Dashboard")
  .map(({ Properties }) => (Properties as { readonly DashboardBody: string }).DashboardBody);
const runbook = await readFile(new URL("../../../docs/runbook.md", import.meta.url), "utf8");

const results: readonly ResultEvent["detailType"][] = [
  "Egress Rollout Started",
  "Egress Rollout Converged",
  "Egress Value Rejected",
  "Egress Drift Found",
  "Egress Drift Corrected",
];
const counts = { requests: 1, writes: 1, pokes: 1, asks: 1, sidecars: 4, verified: 3, tookMs: 1 };
const quiet: PassOutcome = { kind: "settled", figures: { ...counts, findings: 0, forwarderSilentMs: 9_000 } };
const busy: PassOutcome = {
  kind: "settled",
  figures: { ...counts, findings: 2, convergeMs: 7, forwarderSilentMs: 200_000 },
  unmet: { type: "Converged", status: "False", reason: "Waiting", message: "", lastTransitionTime: "" },
};

interface Written {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
  readonly [key: string]: unknown;
}

const lines: string[] = [];
beforeEach(() => {
  // Everything through this process's console, the metrics that are written one by one as well.
  vi.stubEnv("POWERTOOLS_DEV", "true");
  vi.stubEnv("POWERTOOLS_METRICS_DISABLED", "false");
  vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
});
afterEach(() => {
  lines.length = 0;
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What CloudWatch finds in the function's log after one pass, metric by metric. */
function writtenBy(outcome: PassOutcome): readonly { name: string; dimensions: readonly string[]; line: Written }[] {
  const metrics = new Metrics({ namespace: "OsmEgress", serviceName: "osm-egress" });
  const occurredAt = "2026-01-01T00:00:00Z";
  passContext(
    { cluster: "shop", kind: "hint", source: "a", correlationId: "i", eventId: "e", occurredAt },
    {
      context: { awsRequestId: "r", getRemainingTimeInMillis: () => 0 },
      metrics,
      podDeadlineMs: 30_000,
      logger: { info: () => undefined } as never,
      bus: { put: async () => undefined },
    },
  );
  for (const detailType of results) countResult(metrics, { detailType } as ResultEvent);
  recordCluster(metrics, "shop", outcome);
  recordOutcome(metrics, outcome);
  metrics.publishStoredMetrics();
  // The schedule's function, which knows no one cluster.
  const ofSchedule = new Metrics({ namespace: "OsmEgress", serviceName: "osm-egress" });
  recordUnreadable(ofSchedule, 1);
  ofSchedule.publishStoredMetrics();
  return lines
    .map((text) => JSON.parse(text) as Written)
    .flatMap((line) =>
      line._aws.CloudWatchMetrics.flatMap(({ Dimensions, Metrics: some }) =>
        some.flatMap(({ Name: name }) => Dimensions.map((dimensions) => ({ name, dimensions, line }))),
      ),
    );
}

/** Of a result event that no pass sends yet: the runbook says so. */
const awaited = "EgressRolloutHalted";

const everyCluster = ["service"];
const oneCluster = ["service", "cluster"];

test("there are alarms, each with its section in the runbook, and no section without one", () => {
  expect(alarms.length).toBeGreaterThanOrEqual(5);
  const names = alarms.map(({ AlarmName }) => AlarmName.replace(/^.*\}-/, ""));
  for (const [at, { AlarmDescription }] of alarms.entries()) {
    expect(AlarmDescription).toMatch(new RegExp(`docs/runbook\\.md, ${names[at]}$`));
  }
  expect([...runbook.matchAll(/^## (.+)$/gm)].flatMap(([, name]) => name ?? []).sort()).toEqual([...names].sort());
});

test("an alarm on a figure of ours is on one that the function writes, with these very dimensions", () => {
  const ours = alarms.filter(({ Namespace }) => Namespace === "OsmEgress");
  expect(ours.map(({ MetricName }) => MetricName).sort()).toEqual([
    "ClustersUnreadable",
    "ConditionsUnmet",
    "ConvergeMs",
    "DriftFindings",
    "EgressDriftFound",
    "EgressRolloutHalted",
    "EgressValueRejected",
    "ForwarderSilentMs",
  ]);
  const written = writtenBy(busy).map(({ name, dimensions }) => ({ name, dimensions }));
  expect(written.map(({ name }) => name)).not.toContain(awaited);
  for (const { MetricName: name, Dimensions } of ours) {
    if (name === awaited) continue;
    expect(written).toContainEqual({ name, dimensions: Dimensions.map(({ Name }) => Name) });
  }
});

test("a quiet mesh writes a 0 for whatever an alarm on a gauge waits for", () => {
  const [line] = writtenBy(quiet).flatMap((one) => (one.name === "ConditionsUnmet" ? [one.line] : []));
  expect(line).toMatchObject({ service: "osm-egress", cluster: "shop", ConditionsUnmet: 0, DriftFindings: 0 });
});

test("every figure of ours on the dashboard is one that the function writes, with these very dimensions", () => {
  const { widgets } = JSON.parse(dashboard ?? "") as {
    readonly widgets: readonly { readonly properties: { readonly metrics: readonly unknown[][] } }[];
  };
  const shown = widgets
    .flatMap(({ properties }) => properties.metrics)
    .flatMap(([first, name, ...more]) => {
      if (first === "OsmEgress") return [{ name, dimensions: more.filter((_, at) => at % 2 === 0) }];
      const { expression = "" } = first as { readonly expression?: string };
      const [, set, searched] = /^SEARCH\('\{OsmEgress,([^}]*)\}.* MetricName="(\w+)"'/.exec(expression) ?? [];
      return set === undefined ? [] : [{ name: searched, dimensions: set.split(",") }];
    });
  expect(shown.length).toBeGreaterThanOrEqual(8);
  const written = writtenBy(busy).map(({ name, dimensions }) => ({ name, dimensions }));
  for (const figure of shown) expect(written).toContainEqual(figure);
});

/** CloudWatch bills each of these for every cluster, and for every hour in which it is written. */
test.each<[what: string, outcome: PassOutcome, names: readonly string[]]>([
  ["a quiet pass", quiet, ["Sidecars", "SidecarsVerified"]],
  [
    "a pass with everything to tell",
    busy,
    ["ConvergeMs", "Sidecars", "SidecarsVerified", "ConditionsUnmet", "DriftFindings", "ForwarderSilentMs"],
  ],
  ["a pass that saw nothing", { ...busy, kind: "held-by-another", figures: quiet.figures }, []],
  ["a pass that was overtaken in every look", { kind: "out-of-time", figures: quiet.figures, isBlind: true }, []],
])("%s writes these by cluster and no more", (_what, outcome, names) => {
  const byCluster = writtenBy(outcome).filter(({ dimensions }) => dimensions.includes("cluster"));
  expect(byCluster.map(({ name }) => name)).toEqual(names);
  for (const { dimensions, line } of byCluster) {
    expect(dimensions).toEqual(oneCluster);
    expect(line).toMatchObject({ service: "osm-egress", cluster: "shop" });
  }
});

test("all others are of all clusters", () => {
  const others = writtenBy(busy).filter(({ dimensions }) => !dimensions.includes("cluster"));
  expect(others.length).toBeGreaterThan(10);
  for (const { dimensions } of others) expect(dimensions).toEqual(everyCluster);
});
