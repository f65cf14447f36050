import { readFile } from "node:fs/promises";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { countResult, recordOutcome, recordUnreadable } from "#lib/aws/figures.ts";
import { passContext } from "#lib/aws/pass-context.ts";

interface Alarm {
  readonly MetricName: string;
  readonly Namespace: string;
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: unknown }[];
}

const customTags = [
  ...["!Sub", "!Ref", "!GetAtt"].map((tag) => ({ tag, resolve: (argument: string) => argument })),
  ...["!Equals", "!If", "!Not", "!Split", "!Join"].map((tag) => ({ tag, collection: "seq" as const })),
];
const serverless = parse(await readFile(new URL("../../../serverless.yml", import.meta.url), "utf8"), {
  customTags,
  merge: true,
}) as { readonly resources: { readonly Resources: Readonly<Record<string, { Type: string; Properties: unknown }>> } };
const alarms = Object.values(serverless.resources.Resources)
  .filter(({ Type }) => Type === "AWS::CloudWatch::Alarm")
  .map(({ Properties }) => Properties as Alarm);
const runbook = await readFile(new URL("../../../docs/runbook.md", import.meta.url), "utf8");

/** Metrics of the function's log, by name: the sets of dimensions that each comes with. */
const written = new Map<string, readonly (readonly string[])[]>();

beforeAll(() => {
  const metrics = new Metrics({ namespace: "OsmEgress", serviceName: "osm-egress" });
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const hint = {
    cluster: "shop",
    kind: "hint",
    source: "a",
    correlationId: "i",
    occurredAt: "2026-01-01T00:00:00Z",
  } as const;
  const logger = { appendKeys: () => undefined, info: () => undefined };
  passContext(hint, {
    context: { awsRequestId: "r", getRemainingTimeInMillis: () => 0 },
    metrics,
    logger: logger as never,
    bus: { put: async () => undefined },
  });
  countResult(metrics, {
    detailType: "Egress Value Rejected",
    detail: { correlationId: "i", raw: "x", problem: "p", keeps: false },
  });
  countResult(metrics, {
    detailType: "Egress Drift Found",
    detail: { correlationId: "i", found: [{ object: "ConfigMap a/b", problem: "p" }] },
  });
  countResult(metrics, {
    detailType: "Egress Rollout Halted",
    detail: { correlationId: "i", egress: true, wave: 1, reason: "r" },
  });
  const counts = { requests: 1, writes: 1, pokes: 1, asks: 1, sidecars: 1, verified: 1, findings: 1 };
  const figures = { ...counts, tookMs: 1, convergeMs: 1, forwarderSilentMs: 1 };
  recordOutcome(metrics, { kind: "settled", figures });
  // The schedule's function, which knows no one cluster.
  const ofSchedule = new Metrics({ namespace: "OsmEgress", serviceName: "osm-egress" });
  recordUnreadable(ofSchedule, 1);
  for (const { _aws } of [metrics.serializeMetrics(), ofSchedule.serializeMetrics()]) {
    for (const { Metrics: some, Dimensions } of _aws.CloudWatchMetrics) {
      for (const { Name } of some) written.set(Name, Dimensions as unknown as readonly (readonly string[])[]);
    }
  }
  log.mockRestore();
});
afterEach(() => vi.restoreAllMocks());

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
  for (const { MetricName, Dimensions } of ours) {
    expect(written.get(MetricName)).toContainEqual(Dimensions.map(({ Name }) => Name));
  }
  // And each cluster's own, for the dashboard.
  expect(written.get("SidecarsVerified")).toContainEqual(["service", "cluster"]);
});
