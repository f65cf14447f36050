/**
 * A function's bundle in a process of its own, as Lambda runs it: loaded once, called by messages.
 *
 *   function-main.ts HANDLER
 */
import { argv } from "node:process";
import type { Context } from "aws-lambda";
import type { Asked } from "./heap-held.ts";

/** What the process is called with. */
export interface Call {
  readonly kind: "call";
  readonly requestId: string;
  readonly event: object;
}
/** What it says: first that it is loaded, and then of every call how it ended. */
export type Said =
  | { readonly kind: "loaded" }
  | { readonly kind: "ended"; readonly requestId: string; readonly outcome: Outcome };

/** What the handler made of a call. */
export type Outcome = { readonly result: unknown } | { readonly error: string };

const timeoutMs = 60_000;
const [, , file = ""] = argv;
const { handler } = (await import(file)) as {
  readonly handler: (event: object, context: Context) => Promise<unknown>;
};
const say = (said: Said) => process.send?.(said);

process.on("message", (call: Call | Asked) => {
  if (call.kind !== "call") return;
  const endMs = Date.now() + timeoutMs;
  const context = {
    awsRequestId: call.requestId,
    functionName: "tested",
    functionVersion: "1",
    invokedFunctionArn: "arn:aws:lambda:eu-central-1:111122223333:function:tested",
    memoryLimitInMB: "512",
    getRemainingTimeInMillis: () => endMs - Date.now(),
  } as Context;
  const ended = (outcome: Outcome) => say({ kind: "ended", requestId: call.requestId, outcome });
  handler(call.event, context).then(
    (result) => ended({ result }),
    (error: unknown) => ended({ error: String(error) }),
  );
});
say({ kind: "loaded" });
