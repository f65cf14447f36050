import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type AwsSide, planAwsSide, startAwsSide } from "#test/aws/aws-side.ts";
import { accountId } from "#test/aws/eks-record.ts";
import { freePort, loopbackPlace } from "#test/aws/place.ts";
import { putEvent } from "#test/aws/put-event.ts";
import { reconcileEnvironment } from "#test/aws/reconcile-environment.ts";
import { type StandInApiServer, startStandInApiServer } from "#test/aws/stand-in-api-server.ts";
import { eventually } from "#test/eventually.ts";
import { bundleFunctions } from "../../../tools/bundle.ts";
import { endWorkers } from "../measure/function-workers.ts";
import { row } from "../measure/row.ts";
import type { Scenario } from "../measure/scenario.ts";
import { bareHandler, deployBareFunction } from "./bare-function.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const cluster = "shop";
const request = { source: "a.bench", type: "Egress Reconcile Requested", detail: { cluster } };
const withinMs = 5_000;
/** DESIGN's, beside the bare function. */
const wantedRatio = 2.5;

/** One round is a cold start of each function, a process start of each, and an event to a cold and to a warm function. */
export const functionStart: Scenario = {
  name: "start",
  title: "The function's start: its own stack on the emulator, an API server that answers at once",
  async measure({ rounds = 10, progress }) {
    const [place, api] = await Promise.all([loopbackPlace(), startStandInApiServer(), bundleFunctions()]);
    // To everything, and so every pass ends with its first look.
    api.answer(403);
    const plan = await planAwsSide(
      place,
      { name: cluster, endpoint: api.endpoint, ca: api.ca },
      await freePort(place.address),
    );
    const aws = await startAwsSide(plan, { driftRate: "rate(1 day)" });
    try {
      const bare = await deployBareFunction(aws, api);
      const real = { name: aws.functionNames.reconcile, queueUrl: aws.queueUrl };
      const found = { real: [], bare: [], realLoad: [], bareLoad: [], coldLine: [], warmLine: [] } as Record<
        string,
        number[]
      >;
      const take = (name: string, ms: number, round: number) => round > 0 && found[name]?.push(ms);
      for (let round = 0; round <= rounds; round++) {
        progress.step(`function starts: ${round} of ${rounds}`);
        // Alternating, so that whatever else the machine does falls on both.
        take("bare", await anew(() => coldStart(aws, api, bare)), round);
        take("real", await anew(() => coldStart(aws, api, real)), round);
        take("bareLoad", await processStart(fileURLToPath(bareHandler)), round);
        take("realLoad", await processStart(here("../../../dist/functions/reconcile.mjs")), round);
        const coldLine = async () => {
          await endWorkers(aws.emulator, real.name);
          return eventToFirstLine(aws, api);
        };
        take("coldLine", await anew(coldLine), round);
        take("warmLine", await anew(() => eventToFirstLine(aws, api)), round);
      }
      const samples = (name: string) => found[name] ?? [];
      return {
        rows: [
          row("message in the queue → first API-server request answered, cold", "ms", samples("real"), {
            floor: samples("bare"),
            what: "bare",
            wantedRatio,
          }),
          row("the same, an empty handler with one bare HTTPS GET", "ms", samples("bare")),
          row("process start → it could ask for its first event", "ms", samples("realLoad"), {
            floor: samples("bareLoad"),
            what: "bare",
          }),
          row("the same, bare", "ms", samples("bareLoad")),
          row("PutEvents sent → function's first line, cold", "ms", samples("coldLine")),
          row("PutEvents sent → function's first line, warm", "ms", samples("warmLine")),
        ],
        notes: [
          "Cold: the emulator's process for the function was ended before; it unpacks and starts both functions in the same way.",
          "Not with aws-lambda-ric, whose native build takes a minute: the process start is a plain node that loads the handler.",
        ],
      };
    } finally {
      await aws.stop();
      await api.close();
      await place.remove();
    }
  },
};

/** The emulator now and then gives a message to a process that has just been ended; it comes back after minutes. */
const tries = 3;

async function anew(measure: () => Promise<number>): Promise<number> {
  for (let left = tries - 1; left > 0; left--) {
    const ms = await measure().catch((error: unknown) => {
      if (!String(error).includes(`not within ${withinMs} ms`)) throw error;
      return undefined;
    });
    if (ms !== undefined) return ms;
  }
  return measure();
}

async function coldStart(
  aws: AwsSide,
  api: StandInApiServer,
  { name, queueUrl }: { readonly name: string; readonly queueUrl: string },
): Promise<number> {
  await endWorkers(aws.emulator, name);
  const before = api.requests.length;
  const client = new SQSClient({ endpoint: aws.endpoint, region: aws.region, credentials: aws.credentials.root });
  const body = {
    id: "bench",
    account: accountId,
    source: request.source,
    "detail-type": request.type,
    detail: request.detail,
  };
  const MessageBody = JSON.stringify({ ...body, time: new Date().toISOString().replace(/\.\d+Z$/, "Z") });
  await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
  const sentMs = Date.now();
  client.destroy();
  const what = `${name} asks the API server something`;
  const first = await eventually(what, () => api.requests[before], { withinMs, everyMs: 5 });
  await untilQuiet(api);
  return first.at - sentMs;
}

/** Nobody asks any more: the pass has ended, and its process waits. */
async function untilQuiet(api: StandInApiServer): Promise<void> {
  for (let seen = -1; seen !== api.requests.length; ) {
    seen = api.requests.length;
    await sleep(400);
  }
}

async function processStart(file: string): Promise<number> {
  const started = performance.now();
  const env = {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "none",
    AWS_SECRET_ACCESS_KEY: "none",
    OSM_EVENT_BUS_NAME: "none",
    OSM_QUEUE_URL: "http://127.0.0.1:1/none",
    OSM_DEAD_LETTER_QUEUE_URL: "http://127.0.0.1:1/none",
    ...reconcileEnvironment,
  };
  const child = spawn(process.execPath, [here("load-once.mjs"), file], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [text] = (await Promise.race([once(child.stdout, "data"), once(child, "close")])) as [unknown];
  if (String(text).trim() !== "ready") throw new Error(`${file} does not load`);
  return performance.now() - started;
}

async function eventToFirstLine(aws: AwsSide, api: StandInApiServer): Promise<number> {
  const sentMs = Date.now();
  const id = await putEvent(aws, aws.credentials.operator, request.source, request.type, request.detail);
  // Of that very event: its id goes with every line.
  const firstLine = async () =>
    (await aws.logs("reconcile")).find(
      ({ fields }) => fields?.["message"] === "pass begins" && fields["correlationId"] === id,
    );
  const line = await eventually("the function's first line", firstLine, { withinMs, everyMs: 100 });
  await untilQuiet(api);
  return Date.parse(String(line.fields?.["timestamp"])) - sentMs;
}
