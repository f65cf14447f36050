/**
 * The reconcile function's bundle in a process of its own, as Lambda runs it: loaded once, called by messages.
 *
 *   function-main.ts HANDLER
 */
import { argv } from "node:process";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { Asked } from "./heap-held.ts";

/** What the process is called with. */
export interface Call {
  readonly kind: "call";
  readonly requestId: string;
  readonly event: SQSEvent;
}
/** What it says: first that it is loaded, and then of every call how it ended. */
export type Said =
  | { readonly kind: "loaded" }
  | { readonly kind: "ended"; readonly requestId: string; readonly failed: boolean };

const timeoutMs = 60_000;
const [, , file = ""] = argv;
const { handler } = (await import(file)) as {
  readonly handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
};
const say = (said: Said) => process.send?.(said);

process.on("message", (call: Call | Asked) => {
  if (call.kind !== "call") return;
  const endMs = Date.now() + timeoutMs;
  const context = {
    awsRequestId: call.requestId,
    functionName: "reconcile",
    functionVersion: "1",
    invokedFunctionArn: "arn:aws:lambda:eu-central-1:111122223333:function:reconcile",
    memoryLimitInMB: "512",
    getRemainingTimeInMillis: () => endMs - Date.now(),
  } as Context;
  handler(call.event, context).then(
    ({ batchItemFailures }) => say({ kind: "ended", requestId: call.requestId, failed: batchItemFailures.length > 0 }),
    // A handler that throws is an error of the function, and the process that ends with it is seen.
    (error: unknown) => {
      throw error;
    },
  );
});
say({ kind: "loaded" });
