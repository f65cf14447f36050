import type { Metrics } from "@aws-lambda-powertools/metrics";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { PassLog, PassOutcome } from "../reconcile/pass.ts";
import { recordFailure, recordOutcome } from "./figures.ts";

/**
 * What the event source mapping wants to hear of a pass. One that failed is reported and not thrown: after function
 * errors Lambda reads the queue with fewer and fewer calls at a time, and clusters that are well would wait for one that
 * is not. The mapping must ask for it (`ReportBatchItemFailures`), or failed messages would be deleted.
 *
 * @param pass  throws where the message is to come back
 * @see         "Handling errors for an SQS event source in Lambda", implementing partial batch responses
 */
export async function batchReport(
  event: SQSEvent,
  { log, metrics }: { readonly log: Pick<PassLog, "error">; readonly metrics: Metrics },
  pass: () => Promise<PassOutcome | undefined>,
): Promise<SQSBatchResponse> {
  try {
    recordOutcome(metrics, await pass());
    return { batchItemFailures: [] };
  } catch (error) {
    log.error("pass failed, and its message comes back", { error });
    recordFailure(metrics);
    return { batchItemFailures: event.Records.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  }
}
