import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type AwsSide, planAwsSide, startAwsSide } from "#test/aws/aws-side.ts";
import { accountId, region } from "#test/aws/eks-record.ts";
import { root } from "#test/aws/emulator.ts";
import { freePort, loopbackPlace } from "#test/aws/place.ts";
import { type StandInApiServer, startStandInApiServer } from "#test/aws/stand-in-api-server.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export interface Figures {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Ms from the start of the function's process until its first request at the API server has been answered. */
export interface FunctionStart {
  readonly reconcile: Figures;
  /** An empty handler with one HTTPS GET, in the same run. */
  readonly bare: Figures;
}

/** Alternating, so that whatever else the machine does falls on both. */
export async function measureFunctionStart(aws: AwsSide, api: StandInApiServer, runs: number): Promise<FunctionStart> {
  const reconcile: number[] = [];
  const bare: number[] = [];
  const request = `${api.endpoint}/readyz`;
  for (let run = 0; run < runs; run++) {
    bare.push(await coldCall(api, here("bare-handler.mjs"), {}, { BARE_URL: request, BARE_CA: api.ca }));
    reconcile.push(await coldCall(api, `${aws.bundles}/functions/reconcile.mjs`, await message(aws), environment(aws)));
  }
  return { reconcile: figures(reconcile), bare: figures(bare) };
}

async function coldCall(
  api: StandInApiServer,
  file: string,
  event: object,
  env: Record<string, string>,
): Promise<number> {
  const before = api.requests.length;
  const started = Date.now();
  const child = spawn(process.execPath, [here("invoke-once.mjs"), file, JSON.stringify(event)], {
    env,
    stdio: "ignore",
  });
  await once(child, "exit");
  const first = api.requests[before];
  if (!first) throw new Error(`${file}: asked the API server nothing`);
  return first.at - started;
}

export function environment(aws: AwsSide): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
    OSM_EVENT_BUS_NAME: aws.busName,
    // The dead letters stand in for the queue: nobody else receives from them.
    OSM_QUEUE_URL: aws.deadLetterUrl,
    OSM_DEAD_LETTER_QUEUE_URL: aws.deadLetterUrl,
    OSM_VISIBILITY_SECONDS: "75",
  };
}

/** A message that was really received, as the mapping would hand it over. */
export async function message({ endpoint, deadLetterUrl }: AwsSide): Promise<object> {
  const client = new SQSClient({ endpoint, region, credentials: root });
  const body = JSON.stringify({
    id: "bench",
    source: "a.bench",
    "detail-type": "Egress Reconcile Requested",
    time: new Date().toISOString(),
    detail: { cluster: "shop" },
  });
  await client.send(new SendMessageCommand({ QueueUrl: deadLetterUrl, MessageBody: body }));
  const { Messages } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: deadLetterUrl, VisibilityTimeout: 600 }),
  );
  client.destroy();
  const [received] = Messages ?? [];
  if (!received?.ReceiptHandle) throw new Error("no message received");
  const { MessageId: messageId, ReceiptHandle: receiptHandle } = received;
  const eventSourceARN = `arn:aws:sqs:${region}:${accountId}:bench`;
  return { Records: [{ messageId, receiptHandle, body, messageAttributes: {}, eventSourceARN }] };
}

function figures(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
  return { min: at(0), median: at(0.5), max: at(1) };
}

if (import.meta.main) {
  const [place, api] = await Promise.all([loopbackPlace(), startStandInApiServer()]);
  const plan = await planAwsSide(
    place,
    { name: "shop", endpoint: api.endpoint, ca: api.ca },
    await freePort(place.address),
  );
  const aws = await startAwsSide(plan);
  try {
    api.answer(403);
    console.table(await measureFunctionStart(aws, api, Number(process.argv[2] ?? 20)));
  } finally {
    await aws.stop();
    await api.close();
    await place.remove();
  }
}
