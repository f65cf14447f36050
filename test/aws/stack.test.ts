import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "#test/eventually.ts";
import { osmCommand } from "#test/world/osm-command.ts";
import { bundle } from "../../tools/bundle.ts";
import { type AwsSide, planAwsSide, startAwsSide } from "./aws-side.ts";
import { type DeadLetter, deadLetters } from "./dead-letters.ts";
import { killFunctions } from "./function-processes.ts";
import { freePort, loopbackPlace } from "./place.ts";
import { putEvent } from "./put-event.ts";
import { type StandInApiServer, startStandInApiServer } from "./stand-in-api-server.ts";

const visibilitySeconds = 4;
let place: Awaited<ReturnType<typeof loopbackPlace>>;
let api: StandInApiServer;
let aws: AwsSide;

beforeAll(async () => {
  [place, api] = await Promise.all([loopbackPlace(), startStandInApiServer()]);
  const plan = await planAwsSide(
    place,
    { name: "shop", endpoint: api.endpoint, ca: api.ca },
    await freePort("127.0.0.1"),
  );
  await bundle(["osm"]);
  aws = await startAwsSide(plan, { visibilitySeconds: String(visibilitySeconds) });
});

afterAll(async () => {
  await aws?.stop();
  await api?.close();
  await place?.remove();
});

const metadata = (cluster = "shop") => ({ id: randomUUID(), version: 1, cluster, time: new Date().toISOString() });
const object = { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" };
const ask = (cluster: unknown, extra: object = {}) =>
  putEvent(aws, aws.credentials.operator, "a.person", "Egress Reconcile Requested", { cluster, ...extra });

const deadLetterOf = (id: string): Promise<DeadLetter> =>
  eventually(`a dead letter of ${id}`, async () => (await deadLetters(aws)).find(({ body }) => body.includes(id)), {
    withinMs: 60_000,
  });
const untilAsked = (before: number) =>
  eventually("a request to the API server", () => api.requests[before], { withinMs: 30_000 });

/** Of the function's log. */
async function linesOf(id: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await aws.logs("reconcile")).flatMap(({ fields, text }) => (fields && text.includes(id) ? [fields] : []));
}

test("an event becomes a pass over the API server, with the function's token", async () => {
  api.answer(403);
  const before = api.requests.length;
  const detail = { metadata: metadata(), object };
  const id = await putEvent(aws, aws.credentials.forwarder, "osm.forwarder", "OSM Object Changed", detail);
  await untilAsked(before);
  expect(api.requests[before]?.token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]{300,}$/);
  await deadLetterOf(id);
});

test("what RBAC forbids is not tried again: a dead letter with its reason", async () => {
  api.answer(403);
  const letter = await deadLetterOf(await ask("shop"));
  expect(letter).toMatchObject({ reason: "api-forbidden", problem: expect.stringContaining("403 stand-in: 403") });
});

test("a malformed event is a dead letter at once, and the log names the field", async () => {
  const before = api.requests.length;
  const id = await ask("no cluster's name");
  expect(await deadLetterOf(id)).toMatchObject({
    reason: "event-malformed",
    problem: "detail.cluster: neither NAME nor ACCOUNT/NAME of an EKS cluster",
  });
  const logged = await eventually("the log has it", async () => {
    const lines = await linesOf("event malformed");
    return lines.length > 0 && lines;
  });
  expect(logged.map(({ field }) => field)).toEqual(["detail.cluster"]);
  await sleep((visibilitySeconds + 2) * 1_000);
  expect(await linesOf("event malformed")).toHaveLength(1);
  expect(api.requests.length).toBe(before);
});

test.each([
  ["osm.forwarder", 'detail-type: osm.forwarder sends "OSM Object Changed", not "Egress Reconcile Requested"'],
  ["osm.controller", "source: unknown source osm.controller"],
])("a request from %s is a dead letter, and the log names the field", async (source, problem) => {
  const id = await putEvent(aws, aws.credentials.operator, source, "Egress Reconcile Requested", { cluster: "shop" });
  expect(await deadLetterOf(id)).toMatchObject({ reason: "event-malformed", problem });
  const [field] = problem.split(":");
  const names = async () =>
    (await aws.logs("reconcile")).some(
      ({ fields }) => fields?.["message"] === "event malformed" && fields["field"] === field,
    );
  await eventually("the log names it", names, { withinMs: 20_000 });
});

test("a request that cannot be understood is a dead letter that osm shows, and sends back when told to", async () => {
  const id = await ask(7);
  const flags = ["--stage", "test", "--region", aws.region, "--aws-endpoint-url", aws.endpoint];
  const { accessKeyId, secretAccessKey } = aws.credentials.operator;
  const osm = osmCommand("/nonexistent", {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  interface Letter {
    readonly id: string;
    readonly reason: string;
    readonly problem: string;
    readonly body: string;
  }
  const dead = async (): Promise<Letter[]> => {
    const { stdout, stderr, exitCode } = await osm("events", "dead", ...flags, "-o", "json");
    if (exitCode !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Letter[];
  };
  const letter = await eventually("the dead letter", async () => (await dead()).find(({ body }) => body.includes(id)), {
    withinMs: 20_000,
  });
  expect(letter).toMatchObject({ reason: "event-malformed", problem: expect.stringContaining("detail.cluster") });
  const unknown = await osm("events", "redrive", "no-such-id", ...flags);
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining("no such dead letter: no-such-id")]);
  const sent = await osm("events", "redrive", letter.id, ...flags);
  expect(sent).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("1 sent back") });
  // Nothing about it is better now, so it dies again: as another message.
  const again = await eventually("it is back", async () => (await dead()).find(({ body }) => body.includes(id)), {
    withinMs: 20_000,
  });
  expect(again.id).not.toBe(letter.id);
  const dropped = await osm("events", "drop", again.id, ...flags);
  expect(dropped).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("1 deleted") });
  expect((await dead()).filter(({ body }) => body.includes(id))).toEqual([]);

  // What a function was called with in vain is not the queue's, and stays.
  const client = new SQSClient({ endpoint: aws.endpoint, region: aws.region, credentials: aws.credentials.root });
  const MessageBody = JSON.stringify({ awslogs: { data: "H4sI" } });
  await client.send(new SendMessageCommand({ QueueUrl: aws.deadLetterUrl, MessageBody }));
  client.destroy();
  const isPayload = ({ body }: Letter) => body === MessageBody;
  const payload = await eventually("it is listed", async () => (await dead()).find(isPayload));
  const refused = await osm("events", "redrive", payload.id, ...flags);
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("is no event of the bus")]);
  expect(await osm("events", "redrive", "--all", "--reason", "tried-five-times", ...flags)).toMatchObject({
    stdout: expect.stringMatching(/^0 sent back/),
  });
  expect((await dead()).filter(isPayload)).toHaveLength(1);
});

test("a cluster that the role was not given is a dead letter", async () => {
  const letter = await deadLetterOf(await ask("elsewhere"));
  expect(letter).toMatchObject({
    reason: "aws-forbidden",
    problem: expect.stringContaining("DescribeCluster elsewhere"),
  });
});

test("a pass that throws gets its message back after the visibility that it set, five times in all", async () => {
  api.answer(503);
  const id = await ask("shop");
  const letter = await deadLetterOf(id);
  // Moved by the queue itself, which adds nothing.
  expect(letter.reason).toBeUndefined();
  // A log has a pass when it has ended, and the last one may outlast the message.
  const starts = await eventually("five passes are in the log", async () => {
    const begun = (await linesOf(id)).filter(({ message }) => message === "pass begins");
    return begun.length === 5 && begun.map(({ timestamp }) => Date.parse(String(timestamp))).sort((a, b) => a - b);
  });
  for (const [at, start] of starts.slice(1).entries()) {
    const afterMs = start - (starts[at] ?? NaN);
    expect(afterMs).toBeGreaterThanOrEqual(visibilitySeconds * 1_000 - 500);
    // Far from the queue's own, and a busy machine starts functions late.
    expect(afterMs).toBeLessThan(visibilitySeconds * 1_000 + 15_000);
  }
});

test("a function that is killed in the middle of its pass is taken up after the visibility that it set", async () => {
  api.answer("silence");
  const before = api.requests.length;
  const id = await ask("shop");
  await untilAsked(before);
  api.answer(403);
  const killedAt = Date.now();
  const killed = await killFunctions(aws.emulator.pid);
  expect(killed).toBeGreaterThan(0);
  // The one that is killed leaves no line; this is the next one's end.
  expect(await deadLetterOf(id)).toMatchObject({ reason: "api-forbidden" });
  expect(Date.now() - killedAt).toBeLessThan(visibilitySeconds * 1_000 + 15_000);
  expect(Date.now() - killedAt).toBeGreaterThan(visibilitySeconds * 1_000 - 2_000);
});

test.each([
  ["osm.controller", "OSM Object Changed"],
  ["osm.reconciler", "Egress Rollout Converged"],
  ["a.person", "Egress Drift Check Due"],
])("%s with %s wakes nobody", async (source, type) => {
  const id = await putEvent(aws, aws.credentials.operator, source, type, {
    metadata: metadata(),
    cluster: "shop",
    object,
  });
  // One that does wake a pass, sent after it, has become a dead letter when this is looked at.
  api.answer(403);
  await deadLetterOf(await ask("shop"));
  await sleep(1_100);
  expect((await deadLetters(aws)).filter(({ body }) => body.includes(id))).toEqual([]);
  expect(await linesOf(id)).toEqual([]);
});

test("the schedule asks for a drift check, and it becomes a pass", async () => {
  api.answer(403);
  const pass = await eventually(
    "a pass of the schedule's",
    async () => (await aws.logs("reconcile")).find(({ fields }) => fields?.["source"] === "osm.drift"),
    { withinMs: 100_000 },
  );
  expect(pass.fields).toMatchObject({ cluster: "shop" });
});

test("no log line has a token, a key or a secret in it", async () => {
  const lines = [...(await aws.logs("reconcile")), ...(await aws.logs("check-drift"))].map(({ text }) => text);
  expect(lines.length).toBeGreaterThan(10);
  const secret = /k8s-aws-v1|X-Amz-S|Bearer|authorization:|ASIA[A-Z0-9]{12}/i;
  expect(lines.filter((line) => secret.test(line))).toEqual([]);
});

test("every pass gives its figures, by cluster", async () => {
  const figures = (await aws.logs("reconcile")).filter(({ fields }) => fields && "_aws" in fields);
  expect(figures.map(({ fields }) => fields)).toContainEqual(
    expect.objectContaining({ cluster: "shop", service: "osm-egress-test", DeadLetters: 1 }),
  );
});

test("the forwarder may put events, and nothing else", async () => {
  const client = new SQSClient({ endpoint: aws.endpoint, region: aws.region, credentials: aws.credentials.forwarder });
  const send = client.send(new SendMessageCommand({ QueueUrl: aws.queueUrl, MessageBody: "{}" }));
  await expect(send).rejects.toThrow(/not authorized|AccessDenied/);
  client.destroy();
  const other = putEvent(
    { ...aws, busName: "default" },
    aws.credentials.forwarder,
    "osm.forwarder",
    "OSM Object Changed",
    {},
  );
  await expect(other).rejects.toThrow(/not authorized|AccessDenied/);
});

test("time-outs, visibilities and receive counts fit each other", async () => {
  const client = new SQSClient({ endpoint: aws.endpoint, region: aws.region, credentials: aws.credentials.root });
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: aws.queueUrl, AttributeNames: ["All"] }),
  );
  client.destroy();
  expect(Attributes).toMatchObject({ VisibilityTimeout: "360", SqsManagedSseEnabled: "true" });
  expect(JSON.parse(Attributes?.["RedrivePolicy"] ?? "{}")).toMatchObject({ maxReceiveCount: 5 });

  const path = join(place.directory, "deploy/.serverless/cloudformation-template-update-stack.json");
  const { Resources } = JSON.parse(await readFile(path, "utf8")) as {
    Resources: Record<string, { Properties: object }>;
  };
  expect(Resources["ReconcileLambdaFunction"]?.Properties).toMatchObject({ Timeout: 60, Runtime: "nodejs24.x" });
  expect(Resources["ReconcileEventSourceMappingSQSQueue"]?.Properties).toMatchObject({ BatchSize: 1 });
});
