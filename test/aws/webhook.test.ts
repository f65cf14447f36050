import { PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import pLimit from "p-limit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "#test/eventually.ts";
import { type AwsSide, planAwsSide, startAwsSide } from "./aws-side.ts";
import { type BusObserver, observe } from "./bus-observer.ts";
import { killFunctions } from "./function-processes.ts";
import { freePort, loopbackPlace } from "./place.ts";
import { recordedCalls } from "./recorded-calls.ts";
import { type StandInApiServer, startStandInApiServer } from "./stand-in-api-server.ts";
import { callWebhook, fluxEvent, type SecretName, signature, webhookSecret } from "./webhook-call.ts";

let place: Awaited<ReturnType<typeof loopbackPlace>>;
let api: StandInApiServer;
let aws: AwsSide;
let bus: BusObserver;
let secrets: SecretsManagerClient;

beforeAll(async () => {
  [place, api] = await Promise.all([loopbackPlace(), startStandInApiServer()]);
  api.answer(403);
  const plan = await planAwsSide(
    place,
    { name: "shop", endpoint: api.endpoint, ca: api.ca },
    await freePort("127.0.0.1"),
  );
  aws = await startAwsSide(plan, { driftRate: "rate(1 day)" }, { recording: true });
  secrets = new SecretsManagerClient({ endpoint: aws.endpoint, region: aws.region, credentials: aws.credentials.root });
  bus = await observe(aws, "osm.gitops");
});
afterAll(async () => {
  secrets?.destroy();
  await aws?.stop();
  await api?.close();
  await place?.remove();
});

const post = (path: string, body: string, headers: Readonly<Record<string, string>>) =>
  callWebhook(aws, path, body, headers);
const secretOf = (name: SecretName) => webhookSecret(aws, name);

const callsOfWebhook = async () =>
  (await recordedCalls(aws.endpoint)).filter(
    ({ functionName }) => functionName === aws.functionNames["gitops-webhook"],
  );

test("what Flux signs becomes one event, and a pass", async () => {
  const body = JSON.stringify(fluxEvent());
  expect(await post("flux/shop", body, { "x-signature": signature(body, await secretOf("flux-key")) })).toBe(202);
  const events = await eventually("the event", async () => {
    const heard = await bus.heard();
    return heard.length > 0 && heard;
  });
  expect(events).toMatchObject([
    {
      source: "osm.gitops",
      "detail-type": "GitOps Revision Applied",
      detail: {
        metadata: { cluster: "shop", version: 1 },
        revision: "main@sha1:8406628",
        owner: { kind: "Kustomization", namespace: "flux-system", name: "mesh" },
      },
    },
  ]);
  await eventually("a pass for it", async () =>
    (await aws.logs("reconcile")).find(({ fields }) => fields?.["source"] === "osm.gitops"),
  );
});

test("what comes with Argo CD's token becomes one event", async () => {
  const before = (await bus.heard()).length;
  const body = JSON.stringify({ application: "mesh", revision: "8406628", timestamp: new Date().toISOString() });
  const authorization = `Bearer ${await secretOf("argocd-token")}`;
  expect(await post("argocd/shop", body, { authorization })).toBe(202);
  await eventually("the event", async () => (await bus.heard()).length === before + 1);
});

test("1,000 forged, truncated, stale and oversized calls: no event on the bus, no AWS call", async () => {
  const key = await secretOf("flux-key");
  const good = JSON.stringify(fluxEvent());
  const stale = JSON.stringify(fluxEvent({ timestamp: new Date(Date.now() - 301_000).toISOString() }));
  const large = JSON.stringify(fluxEvent({ message: "x".repeat(65_536) }));
  const kinds: readonly (readonly [expected: number, body: string, headers: Readonly<Record<string, string>>])[] = [
    [401, good, { "x-signature": signature(good, "a guess") }],
    [401, good, {}],
    [401, good.slice(0, -1), { "x-signature": signature(good, key) }],
    [401, good, { "x-signature": signature(good, key).slice(0, -1) }],
    [401, good, { authorization: `Bearer ${key}` }],
    [401, stale, { "x-signature": signature(stale, key) }],
    [413, large, { "x-signature": signature(large, key) }],
    [400, "{}", { "x-signature": signature("{}", key) }],
  ];
  // No more at a time than the function's reserved concurrency: beyond it AWS refuses by itself.
  const limit = pLimit(4);
  const call = (_: unknown, index: number) => {
    const [expected, body, headers] = kinds[index % kinds.length] ?? [0, "", {}];
    return limit(async () => ({ expected, got: await post("flux/shop", body, headers) }));
  };
  // Every process of the function has its keys after these.
  await Promise.all(Array.from({ length: 40 }, call));
  const eventsBefore = (await bus.heard()).length;
  const awsCallsBefore = (await callsOfWebhook()).length;
  const answers = await Promise.all(Array.from({ length: 1_000 }, call));
  expect(answers.filter(({ expected, got }) => expected !== got)).toEqual([]);
  expect((await bus.heard()).length).toBe(eventsBefore);
  expect((await callsOfWebhook()).length).toBe(awsCallsBefore);
  // The recording does see its calls, and the bus its events.
  const body = JSON.stringify(fluxEvent());
  expect(await post("flux/shop", body, { "x-signature": signature(body, key) })).toBe(202);
  await eventually("the event", async () => (await bus.heard()).length === eventsBefore + 1);
  expect((await callsOfWebhook()).length).toBeGreaterThan(awsCallsBefore);
});

test("a replay within five minutes is a hint like any other", async () => {
  const before = (await bus.heard()).length;
  const body = JSON.stringify(fluxEvent());
  const headers = { "x-signature": signature(body, await secretOf("flux-key")) };
  for (let times = 0; times < 2; times++) expect(await post("flux/shop", body, headers)).toBe(202);
  await eventually("two events", async () => (await bus.heard()).length === before + 2);
});

test("a key that is rotated: the one before it counts on", async () => {
  const old = await secretOf("flux-key");
  const SecretId = `${aws.busName}/flux-key`;
  await secrets.send(new PutSecretValueCommand({ SecretId, SecretString: "the next key" }));
  const post202 = async (key: string) => {
    const body = JSON.stringify(fluxEvent());
    return await post("flux/shop", body, { "x-signature": signature(body, key) });
  };
  // Known from its next start on, or after five minutes.
  await killFunctions(aws.emulator.pid);
  // The emulator hands a call or two to processes that are no more.
  await eventually("it has started anew", async () => (await post202(old)) === 202);
  expect([await post202(old), await post202("the next key"), await post202("neither")]).toEqual([202, 202, 401]);
});

test("no log line has a key or a signature in it", async () => {
  const lines = (await aws.logs("gitops-webhook")).map(({ text }) => text);
  expect(lines.length).toBeGreaterThan(100);
  const keys = [await secretOf("flux-key"), await secretOf("argocd-token")];
  const isTelling = (line: string) => keys.some((key) => line.includes(key)) || /[0-9a-f]{64}|Bearer/.test(line);
  expect(lines.filter(isTelling)).toEqual([]);
});
