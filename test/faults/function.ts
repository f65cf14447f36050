import type { Logger } from "@aws-lambda-powertools/logger";
import type { Metrics } from "@aws-lambda-powertools/metrics";
import type { SQSEvent } from "aws-lambda";
import { putAll } from "#lib/aws/event-bus.ts";
import { passContext } from "#lib/aws/pass-context.ts";
import { maxPasses, passesAttribute, passesOf } from "#lib/aws/queue.ts";
import { runQueuedPass } from "#lib/aws/queued-pass.ts";
import { reconcileCluster } from "#lib/reconcile/reconcile-cluster.ts";
import type { ScriptedCluster } from "../scripted/cluster.ts";
import { deployed } from "./deployed.ts";
import type { Journal } from "./journal.ts";
import { awsUnavailable, type Process } from "./process.ts";
import type { ScriptedQueue } from "./queue.ts";
import { seamPorts } from "./seam.ts";

export const stackAccount = "111122223333";

const silent = { info() {}, warn() {}, error() {} } as unknown as Logger;
const uncounted = { addMetadata() {}, addMetric() {} } as unknown as Metrics;

/** What the reconcile function works with. */
export interface FunctionPlace {
  readonly cluster: ScriptedCluster;
  readonly journal: Journal;
  readonly queue: () => ScriptedQueue;
}

/**
 * One invocation of the reconcile function in a process of its own, up to the answer that the queue gets: real code over
 * scripted ports.
 */
export async function reconcileMessage(
  event: SQSEvent,
  process: Process,
  { cluster, journal, queue }: FunctionPlace,
): Promise<"done" | "failed"> {
  const { clock } = cluster;
  const { podDeadlineMs } = deployed;
  const message = event.Records[0]?.messageId ?? "none";
  const told = () => ({ atMs: clock.nowMs(), pass: process.name, message });
  const step = <T>(verb: string, object: string, effect: () => T) =>
    process.step(
      verb,
      object,
      async () => {
        journal.write({ kind: "called", atMs: clock.nowMs(), pass: process.name, verb, object });
        return effect();
      },
      awsUnavailable,
    );
  const context = {
    awsRequestId: process.name,
    getRemainingTimeInMillis: () => deployed.functionTimeoutMs - (clock.nowMs() - process.startedMs),
  };
  const bus = {
    put: (entries: readonly { readonly detailType: string }[]) =>
      putAll(
        entries.map(({ detailType }) => ({ DetailType: detailType })),
        (batch) =>
          step("PutEvents", batch.map(({ DetailType }) => DetailType).join(), () => {
            for (const { DetailType = "" } of batch) {
              journal.write({ kind: "announced", atMs: clock.nowMs(), pass: process.name, detailType: DetailType });
            }
            return batch.map((_, at) => ({ EventId: `event-${at}` }));
          }),
        (ms) => process.sleep(ms),
      ),
  };
  try {
    await runQueuedPass(event, {
      account: stackAccount,
      hide: ({ receiptHandle }) => step("hide", message, () => queue().hide(receiptHandle, deployed.hiddenMs)),
      about: () => undefined,
      prepare: () => undefined,
      async reconcile(hint) {
        await step("connect", hint.cluster, () => undefined);
        const pass = passContext(hint, { context, bus, metrics: uncounted, logger: silent, podDeadlineMs });
        return reconcileCluster(seamPorts(cluster, process, journal), pass);
      },
      async sendAgain(sent) {
        const passes = passesOf(sent) + 1;
        if (passes > maxPasses) return false;
        await step("sendAgain", message, () => queue().send(sent.body, { [passesAttribute]: String(passes) }));
        return true;
      },
      deadLetter: (sent, reason, problem) =>
        step("deadLetter", reason, () => {
          queue().deadLetter({ id: sent.messageId, body: sent.body, problem });
          journal.write({ kind: "died", ...told(), problem });
        }),
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    return "done";
  } catch {
    // As `batchReport` answers.
    return "failed";
  }
}
