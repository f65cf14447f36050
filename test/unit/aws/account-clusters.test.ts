import { afterEach, beforeEach, expect, test } from "vitest";
import { type ClusterPage, openAccountClusters } from "#lib/aws/account-clusters.ts";
import { roleCredentials } from "#lib/aws/role-credentials.ts";
import { AwsStandIn, ownAccount } from "./aws-stand-in.ts";

let aws: AwsStandIn;
beforeEach(async () => {
  aws = await AwsStandIn.start();
});
afterEach(() => aws.close());

const region = "eu-central-1";
const deployment = "osm-egress-prod";
async function list(options: Partial<Parameters<typeof openAccountClusters>[0]> = {}) {
  const pages: ClusterPage[] = [];
  for await (const page of openAccountClusters({ region, deployment, ...options }).pages()) pages.push(page);
  return {
    managed: pages.flatMap((page) => page.managed),
    unreadable: pages.flatMap((page) => page.unreadable),
    pages: pages.length,
  };
}
const clusters = () => aws.accounts[ownAccount] ?? {};
const managed = { tags: { "osm-egress/managed": "true" } };

test("all pages are read, and only what is tagged is managed", async () => {
  Object.assign(clusters(), {
    a: managed,
    b: {},
    c: { tags: { "osm-egress/managed": "false" } },
    d: managed,
    e: managed,
    f: { tags: { "osm-egress/managed": "osm-egress-prod" } },
    g: { tags: { "osm-egress/managed": "osm-egress-staging" } },
  });
  const { pages, ...found } = await list();
  expect(found).toEqual({ managed: ["a", "d", "e", "f"], unreadable: [] });
  expect(pages).toBeGreaterThan(1);
});

test.each([
  ["CREATING", []],
  ["DELETING", []],
  ["FAILED", []],
  ["PENDING", []],
  ["ACTIVE", ["a"]],
  ["UPDATING", ["a"]],
  ["of tomorrow", ["a"]],
])("one that is tagged and %s: those to be looked after are %j", async (status, found) => {
  Object.assign(clusters(), { a: { ...managed, status } });
  expect(await list()).toEqual({ managed: found, unreadable: [], pages: 1 });
});

test("one that cannot be looked at costs the others nothing, and is named", async () => {
  Object.assign(clusters(), { a: managed, b: { fails: 403 }, c: managed });
  expect(await list()).toMatchObject({
    managed: ["a", "c"],
    unreadable: [{ cluster: "b", problem: expect.stringContaining("[aws-forbidden] DescribeCluster b") }],
  });
});

test("one that is deleted after it was listed is none", async () => {
  Object.assign(clusters(), { a: managed, b: managed });
  aws.onListed = () => void delete clusters()["a"];
  expect(await list()).toMatchObject({ managed: ["b"], unreadable: [] });
});

test("who is throttled waits and tries again", async () => {
  Object.assign(clusters(), { a: managed, b: managed });
  aws.throttle = 3;
  expect((await list()).managed).toEqual(["a", "b"]);
  expect(aws.throttled).toBe(3);
});

test("clusters that cannot be listed at all: the check fails, and says so", async () => {
  aws.unlisted.add(ownAccount);
  await expect(list()).rejects.toThrow(/^\[aws-forbidden\] ListClusters/);
});

test("clusters of another account are listed as its role, and bear its number", async () => {
  const account = "222233334444";
  const arn = `arn:aws:iam::${account}:role/fleet`;
  aws.accounts[account] = { shop: managed, bank: {}, game: { ...managed, fails: 403 } };
  aws.roles[arn] = "osm-egress-prod";
  const credentials = roleCredentials({ arn, region, externalId: "osm-egress-prod" });
  expect(await list({ account, credentials })).toMatchObject({
    managed: ["222233334444/shop"],
    unreadable: [{ cluster: "222233334444/game" }],
  });
  // Once for all calls.
  expect(aws.assumed).toEqual([`${arn} osm-egress-prod`]);
});
