import { join } from "node:path";
import type { SQSEvent } from "aws-lambda";
import { type Child, startChild } from "./child.ts";
import type { Call, Said } from "./function-main.ts";
import { type Gauged, gaugedWords } from "./heap-held.ts";

/** A warm reconcile function: one process, one call after the other. */
export interface FunctionProcess extends Child {
  readonly name: string;
  /** One delivery of a message. @param requestId  the Lease's holder */
  call(requestId: string, event: SQSEvent): Promise<"done" | "failed" | "killed">;
}

export interface FunctionPlace {
  /** Path of the built handler. */
  readonly handler: string;
  readonly awsUrl: string;
  /** By how much its clock is wrong. */
  readonly clockAheadMs: number;
}

/** @param name  its access key, by which proxy and stand-ins know it */
export async function startFunction(
  name: string,
  { handler, awsUrl, clockAheadMs }: FunctionPlace,
): Promise<FunctionProcess> {
  const here = (file: string) => join(import.meta.dirname, file);
  const moved = clockAheadMs === 0 ? [] : ["--import", here("moved-clock.ts")];
  const child = startChild([...gaugedWords, ...moved, here("function-main.ts"), handler], {
    ...environment(name, awsUrl),
    TEST_CLOCK_AHEAD_MS: String(clockAheadMs),
  });
  const running = new Map<string, (how: "done" | "failed" | "killed") => void>();
  const loaded = Promise.withResolvers<void>();
  child.process.on("message", (said: Said | Gauged) => {
    if (said.kind === "loaded") return loaded.resolve();
    if (said.kind !== "ended") return;
    running.get(said.requestId)?.(said.failed ? "failed" : "done");
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
    call(requestId, event) {
      const { promise, resolve } = Promise.withResolvers<"done" | "failed" | "killed">();
      running.set(requestId, resolve);
      child.process.send({ kind: "call", requestId, event } satisfies Call);
      return promise;
    },
  };
}

function environment(name: string, awsUrl: string): NodeJS.ProcessEnv {
  return {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: name,
    AWS_SECRET_ACCESS_KEY: "of-the-test",
    AWS_ENDPOINT_URL: awsUrl,
    POWERTOOLS_SERVICE_NAME: "reconcile",
    POWERTOOLS_METRICS_NAMESPACE: "test",
    OSM_EVENT_BUS_NAME: "osm",
    OSM_QUEUE_URL: `${awsUrl}/111122223333/queue`,
    OSM_DEAD_LETTER_QUEUE_URL: `${awsUrl}/111122223333/dead-letters`,
    OSM_VISIBILITY_SECONDS: "75",
    OSM_CLUSTER_NAME: "shop",
    OSM_CLUSTER_ROLES: "",
    OSM_SUBNET_IDS: "",
    OSM_ACCOUNT_ID: "111122223333",
    OSM_FLEET_ROLES: "",
  };
}
