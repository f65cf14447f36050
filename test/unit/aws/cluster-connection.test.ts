import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ClusterSettings, reachCluster } from "#lib/aws/cluster-connection.ts";
import { AwsStandIn, ownAccount } from "./aws-stand-in.ts";

let aws: AwsStandIn;
const other = "222233334444";
const fleetRole = `arn:aws:iam::${other}:role/fleet`;
const bankRole = `arn:aws:iam::${other}:role/bank`;
const ownRole = `arn:aws:iam::${ownAccount}:role/shop`;
const settings: ClusterSettings = {
  region: "eu-central-1",
  account: ownAccount,
  busName: "osm-egress-prod",
  ownClusters: ["shop"],
  fleetRoles: new Map([[other, fleetRole]]),
  clusterRoles: [bankRole, ownRole],
  isInVpc: false,
};
const endpoint = "https://127.0.0.1:1";
const managed = { "osm-egress/managed": "true" };

beforeEach(async () => {
  aws = await AwsStandIn.start();
  for (const role of [fleetRole, bankRole, ownRole]) aws.roles[role] = "osm-egress-prod";
  aws.accounts[ownAccount] = { shop: { endpoint }, bank: { endpoint } };
  aws.accounts[other] = { shop: { endpoint, tags: managed } };
});
afterEach(() => aws.close());

const reach = (id: string, more: Partial<ClusterSettings> = {}) => reachCluster(id, { ...settings, ...more });

test("the stack's own cluster: no tag, no role", async () => {
  const { connection, principal } = await reach("shop");
  expect([connection.server, principal]).toEqual([endpoint, "the function's own role"]);
  expect(aws.assumed).toEqual([]);
});

test("a cluster that was looked up leaves no connection to AWS behind", async () => {
  await reach("shop");
  await reach(`${other}/shop`);
  await expect.poll(() => aws.connections(), { timeout: 1_000 }).toBe(0);
});

test("any other one of its account needs the tag", async () => {
  await expect(reach("bank")).rejects.toThrow(
    "[cluster-unknown] DescribeCluster bank: it has no tag osm-egress/managed=true, or =osm-egress-prod",
  );
  aws.accounts[ownAccount] = { bank: { endpoint, tags: { "osm-egress/managed": "osm-egress-staging" } } };
  await expect(reach("bank")).rejects.toThrow("its tag osm-egress/managed is neither true nor osm-egress-prod");
  aws.accounts[ownAccount] = { bank: { endpoint, tags: { "osm-egress/managed": "osm-egress-prod" } } };
  expect((await reach("bank")).connection.server).toBe(endpoint);
  aws.accounts[ownAccount] = { bank: { endpoint, tags: managed } };
  expect((await reach("bank")).connection.server).toBe(endpoint);
});

describe("a cluster of another account", () => {
  test("is reached as that account's role, assumed once, with the deployment's name as external id", async () => {
    expect((await reach(`${other}/shop`)).principal).toBe(fleetRole);
    expect(aws.assumed).toEqual([`${fleetRole} osm-egress-prod`]);
  });

  test("needs the tag, also where it is named like the stack's own", async () => {
    aws.accounts[other] = { shop: { endpoint } };
    await expect(reach(`${other}/shop`)).rejects.toThrow(
      `[cluster-unknown] DescribeCluster ${other}/shop: it has no tag osm-egress/managed=true, or =osm-egress-prod`,
    );
  });

  test("of which no role is known: nobody is asked", async () => {
    await expect(reach("333344445555/shop")).rejects.toThrow(
      "[cluster-unknown] 333344445555/shop: parameter fleetRoles names no role of account 333344445555",
    );
    expect(aws.assumed).toEqual([]);
  });

  test("that there is not", async () => {
    await expect(reach(`${other}/gone`)).rejects.toThrow(`[cluster-unknown] DescribeCluster ${other}/gone: no such`);
  });

  test("whose role wants another external id is not tried again", async () => {
    aws.roles[fleetRole] = "osm-egress-test";
    await expect(reach(`${other}/shop`)).rejects.toMatchObject({
      reason: "aws-forbidden",
      retry: "never",
      message: expect.stringContaining(`AssumeRole ${fleetRole} with external id osm-egress-prod: AccessDenied`),
    });
  });
});

describe("a cluster's tag names a role", () => {
  const tagged = (role: string, account = other) => {
    aws.accounts[account] = { shop: { endpoint, tags: { ...managed, "osm-egress/role": role } } };
  };

  test("the token is that role's, assumed by the function itself", async () => {
    tagged(bankRole);
    expect((await reach(`${other}/shop`)).principal).toBe(bankRole);
    expect(aws.assumed).toEqual([`${fleetRole} osm-egress-prod`, `${bankRole} osm-egress-prod`]);
  });

  test("in the stack's own account too", async () => {
    tagged(ownRole, ownAccount);
    await reach("shop");
    expect(aws.assumed).toEqual([`${ownRole} osm-egress-prod`]);
  });

  test("an empty one is none", async () => {
    tagged("");
    await reach(`${other}/shop`);
    expect(aws.assumed).toEqual([`${fleetRole} osm-egress-prod`]);
  });

  test.each([
    ["that the deployment does not name", `arn:aws:iam::${other}:role/admin`, "parameter clusterRoles does not"],
    ["of another account, though the deployment names it", ownRole, `no role of account ${other}`],
    ["that is the fleet's own and no cluster's", fleetRole, "parameter clusterRoles does not"],
    ["that is none", "admin", `no role of account ${other}`],
  ])("one %s is never assumed", async (_, role, why) => {
    tagged(role);
    await expect(reach(`${other}/shop`)).rejects.toMatchObject({
      reason: "aws-forbidden",
      message: expect.stringContaining(`tag osm-egress/role of ${other}/shop names ${role}: ${why}`),
    });
    expect(aws.assumed).toEqual([`${fleetRole} osm-egress-prod`]);
  });
});

test("a cluster that is being made", async () => {
  aws.accounts[ownAccount] = { shop: {} };
  await expect(reach("shop")).rejects.toThrow("[aws-unavailable] DescribeCluster shop: ACTIVE, no endpoint or CA yet");
});

test("where to look if nobody answers is known from the start", async () => {
  aws.accounts[ownAccount] = { shop: { endpoint, vpc: { endpointPublicAccess: false, endpointPrivateAccess: true } } };
  expect((await reach("shop")).advice).toMatch(/its endpoint is private.*subnetIds and securityGroupIds/);
  expect((await reach("shop", { isInVpc: true })).advice).toMatch(/DNS and a route/);
});
