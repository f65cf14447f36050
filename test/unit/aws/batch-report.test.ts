import { Metrics } from "@aws-lambda-powertools/metrics";
import type { SQSEvent, SQSRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { batchReport } from "#lib/aws/batch-report.ts";
import { EgressError } from "#lib/errors.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";

const event = { Records: [{ messageId: "m-1" } as SQSRecord] } satisfies SQSEvent;
const figures = { requests: 1, writes: 0, pokes: 0, asks: 0, sidecars: 0, verified: 0, findings: 0, tookMs: 1 };

/** What becomes of the message, what is logged and what is counted. */
async function report(pass: () => Promise<PassOutcome | undefined>) {
  const logged: unknown[] = [];
  const metrics = new Metrics({ namespace: "OsmEgress", serviceName: "osm-egress" });
  const log = { error: (message: string, fields: object = {}) => void logged.push([message, fields]) };
  const { batchItemFailures } = await batchReport(event, { log, metrics }, pass);
  const { PassesFailed, DeadLetters } = metrics.serializeMetrics() as unknown as Record<string, unknown>;
  return { batchItemFailures, logged, PassesFailed, DeadLetters };
}

test("a pass that is done lets its message go", async () => {
  expect(await report(async () => ({ kind: "settled", figures }))).toEqual({
    batchItemFailures: [],
    logged: [],
    PassesFailed: undefined,
    DeadLetters: 0,
  });
});

test("and so does one whose message is a dead letter", async () => {
  expect(await report(async () => undefined)).toMatchObject({ batchItemFailures: [], DeadLetters: 1 });
});

test.each([new EgressError("api-unavailable", "shop: no answer"), new TypeError("a bug of ours")])(
  "one that fails with %s keeps it, is logged and counted, and is no error of the function",
  async (error) => {
    const pass = async () => {
      throw error;
    };
    expect(await report(pass)).toEqual({
      batchItemFailures: [{ itemIdentifier: "m-1" }],
      logged: [["pass failed, and its message comes back", { error }]],
      PassesFailed: 1,
      DeadLetters: undefined,
    });
  },
);
