import { randomUUID } from "node:crypto";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "#test/eventually.ts";
import { type AwsSide, planAwsSide, startAwsSide } from "./aws-side.ts";
import { type DeadLetter, deadLetters } from "./dead-letters.ts";
import { scheduleDriftCheck } from "./drift-schedule.ts";
import { accountId, managed, region } from "./eks-record.ts";
import { accountRoot, createFleetRole, registerReconciler } from "./identities.ts";
import { freePort, loopbackPlace } from "./place.ts";
import { putEvent } from "./put-event.ts";
import { type StandInApiServer, startStandInApiServer } from "./stand-in-api-server.ts";

/** An account that lets the deployment in, and one whose role is for another deployment. */
const other = "222233334444";
const third = "333344445555";
const roleOf = (account: string, name: string) => `arn:aws:iam::${account}:role/${name}`;

let place: Awaited<ReturnType<typeof loopbackPlace>>;
/** `shop` of the stack's own account, `shop` and `bank` of the other one. */
let own: StandInApiServer;
let shop: StandInApiServer;
let bank: StandInApiServer;
let aws: AwsSide;

beforeAll(async () => {
  place = await loopbackPlace();
  [own, shop, bank] = await Promise.all([startStandInApiServer(), startStandInApiServer(), startStandInApiServer()]);
  const at = ({ endpoint, ca }: StandInApiServer) => ({ endpoint, ca });
  const plan = await planAwsSide(place, { name: "shop", ...at(own) }, await freePort("127.0.0.1"), [
    { name: "shop", account: other, ...at(shop), tags: managed },
    { name: "bank", account: other, ...at(bank), tags: { ...managed, "osm-egress/role": roleOf(other, "bank") } },
    { name: "game", account: other, ...at(bank) },
    { name: "shop", account: third, ...at(bank), tags: managed },
  ]);
  aws = await startAwsSide(plan, {
    fleetRoles: [roleOf(other, "fleet"), roleOf(third, "fleet")].join(),
    clusterRoles: roleOf(other, "bank"),
  });
  const trusted = ["reconcile", "check-drift"].map((name) => roleOf(accountId, `${aws.busName}-${name}`));
  await createFleetRole(aws.endpoint, { account: other, name: "fleet", trusted, externalId: aws.busName });
  await createFleetRole(aws.endpoint, { account: other, name: "bank", trusted, externalId: aws.busName });
  await createFleetRole(aws.endpoint, { account: third, name: "fleet", trusted, externalId: "another-deployment" });
  await registerReconciler(aws.endpoint, "shop", roleOf(other, "fleet"), accountRoot(other));
  await registerReconciler(aws.endpoint, "bank", roleOf(other, "bank"), accountRoot(other));
  for (const server of [own, shop, bank]) server.answer(403);
});

afterAll(async () => {
  await aws?.stop();
  await Promise.all([own, shop, bank].map((server) => server?.close()));
  await place?.remove();
});

const ask = (cluster: string): Promise<string> =>
  putEvent(aws, aws.credentials.operator, "a.person", "Egress Reconcile Requested", { cluster });

/** As EventBridge delivers what another account has put: the emulator has no buses of other accounts. */
async function askFrom(account: string, cluster: string): Promise<string> {
  const id = randomUUID();
  const detail = {
    metadata: { id, version: 1, cluster, time: new Date().toISOString() },
    object: { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" },
  };
  const MessageBody = JSON.stringify({
    id,
    account,
    source: "osm.forwarder",
    "detail-type": "OSM Object Changed",
    time: new Date().toISOString(),
    detail,
  });
  const client = new SQSClient({ endpoint: aws.endpoint, region, credentials: aws.credentials.root });
  await client.send(new SendMessageCommand({ QueueUrl: aws.queueUrl, MessageBody }));
  client.destroy();
  return id;
}

const deadLetterOf = (id: string): Promise<DeadLetter> =>
  eventually(`a dead letter of ${id}`, async () => (await deadLetters(aws)).find(({ body }) => body.includes(id)), {
    withinMs: 60_000,
  });

/** The first request that one of them gets, and that the others get none. */
async function askedAlone(server: StandInApiServer, act: () => Promise<string>): Promise<string> {
  const before = new Map([own, shop, bank].map((one) => [one, one.requests.length]));
  const id = await act();
  // Each answers 403, which ends a pass.
  expect(await deadLetterOf(id)).toMatchObject({ reason: "api-forbidden" });
  const grown = [...before].filter(([one, count]) => one.requests.length > count).map(([one]) => one.endpoint);
  expect(grown).toEqual([server.endpoint]);
  return server.requests.at(-1)?.token ?? "";
}

/** Whom the cluster takes the bearer for, by the emulator's own checks: signature, cluster, age, access entry. */
async function reviewed(webhook: string, token: string): Promise<unknown> {
  const { body } = await request(webhook, { method: "POST", body: JSON.stringify({ spec: { token } }) });
  return ((await body.json()) as { readonly status: unknown }).status;
}

test("a name alone is the stack's own cluster, however many others have it", async () => {
  await askedAlone(own, () => ask("shop"));
});

test("with its account it is the other one, to which the function comes as that account's role", async () => {
  const token = await askedAlone(shop, () => ask(`${other}/shop`));
  expect(await reviewed(aws.otherWebhooks[0]?.url ?? "", token)).toMatchObject({
    authenticated: true,
    user: { username: `arn:aws:sts::${other}:assumed-role/fleet/${aws.busName}` },
  });
});

test("a cluster's tag names another role of that account", async () => {
  const token = await askedAlone(bank, () => ask(`${other}/bank`));
  expect(await reviewed(aws.otherWebhooks[1]?.url ?? "", token)).toMatchObject({
    authenticated: true,
    user: { username: `arn:aws:sts::${other}:assumed-role/bank/${aws.busName}` },
  });
});

test("what another account's forwarder says is about that account's cluster", async () => {
  await askedAlone(shop, () => askFrom(other, "shop"));
});

describe("nobody is asked, and the dead letter says why", () => {
  test.each<readonly [string, () => Promise<string>, reason: string, problem: string]>([
    [
      "an account that speaks of the stack's own cluster",
      () => askFrom(other, `${accountId}/shop`),
      "event-malformed",
      `detail.metadata.cluster: account ${other} may only speak of its own clusters`,
    ],
    [
      "an account that speaks of a third one's",
      () => askFrom(other, `${third}/shop`),
      "event-malformed",
      `detail.metadata.cluster: account ${other} may only speak of its own clusters`,
    ],
    [
      "a role that trusts another deployment",
      () => ask(`${third}/shop`),
      "aws-forbidden",
      `AssumeRole ${roleOf(third, "fleet")} with external id osm-egress-test: AccessDenied`,
    ],
    [
      "a cluster without the tag",
      () => ask(`${other}/game`),
      "cluster-unknown",
      "it has no tag osm-egress/managed=true, or =osm-egress-test",
    ],
    [
      "an account of which no role is known",
      () => ask("444455556666/shop"),
      "cluster-unknown",
      "parameter fleetRoles names no role of account 444455556666",
    ],
  ])("%s", async (_, act, reason, problem) => {
    const before = [own, shop, bank].map(({ requests }) => requests.length);
    const letter = await deadLetterOf(await act());
    expect(letter).toMatchObject({ reason, problem: expect.stringContaining(problem) });
    expect([own, shop, bank].map(({ requests }) => requests.length)).toEqual(before);
  });
});

test("the schedule finds them too, and says which account it could not look at", async () => {
  await scheduleDriftCheck(aws);
  const due = await eventually(
    "drift checks of another account",
    async () =>
      (await aws.logs("check-drift")).find(({ fields }) => JSON.stringify(fields?.["checks"])?.includes(`${other}/`)),
    { withinMs: 100_000, everyMs: 500 },
  );
  const found = due.fields?.["checks"] as readonly { readonly cluster: string }[];
  expect(found.map(({ cluster }) => cluster).sort()).toEqual([`${other}/bank`, `${other}/shop`]);
  const unread = await eventually("what it could not look at", async () =>
    (await aws.logs("check-drift")).find(({ fields }) => fields?.["message"] === "not looked at"),
  );
  expect(unread.fields).toMatchObject({ unreadable: [], unlisted: [{ account: third }] });
  // One value for each page of clusters, written when the function ends.
  const unreadable = await eventually("the figure", async () =>
    (await aws.logs("check-drift"))
      .map(({ fields }) => [fields?.["ClustersUnreadable"] ?? []].flat().map(Number))
      .find((counts) => counts.some((count) => count > 0)),
  );
  expect(unreadable.reduce((sum, count) => sum + count)).toBe(1);
});
