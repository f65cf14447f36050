import { join } from "node:path";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { reconcileEnvironment } from "#test/aws/reconcile-environment.ts";
import { type Child, startChild } from "./child.ts";
import type { Call, Outcome, Said } from "./function-main.ts";
import { type Gauged, gaugedWords } from "./heap-held.ts";

/** A warm function: one process, one call after the other. */
export interface HandlerProcess extends Child {
  readonly name: string;
  /** @returns "killed" when the process ended first */
  invoke(requestId: string, event: object): Promise<Outcome | "killed">;
}

/** The reconcile function. */
export interface FunctionProcess extends HandlerProcess {
  /** One delivery of a message. @param requestId  the Lease's holder */
  call(requestId: string, event: SQSEvent): Promise<"done" | "failed" | "killed">;
}

export interface HandlerPlace {
  /** Path of the built handler. */
  readonly handler: string;
  readonly awsUrl: string;
  /** By how much its clock is wrong; default 0. */
  readonly clockAheadMs?: number;
  /** Of its own, besides what Lambda gives to every function. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** @param name  its access key, by which proxy and stand-ins know it */
export async function startHandler(name: string, place: HandlerPlace): Promise<HandlerProcess> {
  const { handler, awsUrl, clockAheadMs = 0, environment } = place;
  const here = (file: string) => join(import.meta.dirname, file);
  const moved = clockAheadMs === 0 ? [] : ["--import", here("moved-clock.ts")];
  const child = startChild([...gaugedWords, ...moved, here("function-main.ts"), handler], {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: name,
    AWS_SECRET_ACCESS_KEY: "of-the-test",
    AWS_ENDPOINT_URL: awsUrl,
    POWERTOOLS_SERVICE_NAME: "tested",
    POWERTOOLS_METRICS_NAMESPACE: "test",
    OSM_EVENT_BUS_NAME: "osm",
    TEST_CLOCK_AHEAD_MS: String(clockAheadMs),
    ...environment,
  });
  const running = new Map<string, (how: Outcome | "killed") => void>();
  const loaded = Promise.withResolvers<void>();
  child.process.on("message", (said: Said | Gauged) => {
    if (said.kind === "loaded") return loaded.resolve();
    if (said.kind !== "ended") return;
    running.get(said.requestId)?.(said.outcome);
    running.delete(said.requestId);
  });
  child.process.on("exit", () => {
    loaded.reject(new Error(`function ${name} ended: ${child.said.slice(-5).join("\n")}`));
    for (const end of running.values()) end("killed");
  });
  await loaded.promise;
  return {
    ...child,
    name,
    invoke(requestId, event) {
      const { promise, resolve } = Promise.withResolvers<Outcome | "killed">();
      running.set(requestId, resolve);
      child.process.send({ kind: "call", requestId, event } satisfies Call);
      return promise;
    },
  };
}

export interface FunctionPlace extends HandlerPlace {
  readonly leaseSeconds: number;
}

/** @param name  its access key, by which proxy and stand-ins know it */
export async function startFunction(name: string, { leaseSeconds, ...place }: FunctionPlace): Promise<FunctionProcess> {
  const { awsUrl } = place;
  const environment = {
    OSM_QUEUE_URL: `${awsUrl}/111122223333/queue`,
    OSM_DEAD_LETTER_QUEUE_URL: `${awsUrl}/111122223333/dead-letters`,
    ...reconcileEnvironment,
    OSM_LEASE_SECONDS: String(leaseSeconds),
  };
  const handler = await startHandler(name, { ...place, environment });
  return {
    ...handler,
    async call(requestId, event) {
      const outcome = await handler.invoke(requestId, event);
      if (outcome === "killed") return outcome;
      // It answers also when its pass has failed: a handler that throws is an error of the function.
      if ("error" in outcome) throw new Error(`${name} threw: ${outcome.error}`);
      return (outcome.result as SQSBatchResponse).batchItemFailures.length > 0 ? "failed" : "done";
    },
  };
}
