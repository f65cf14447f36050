import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetPage, sweepFleet } from "#lib/aws/fleet.ts";
import { AwsStandIn, ownAccount } from "./aws-stand-in.ts";

let aws: AwsStandIn;
beforeEach(async () => {
  aws = await AwsStandIn.start();
  aws.accounts[ownAccount] = { shop: managed };
  for (const [account, arn] of fleetRoles) {
    aws.accounts[account] = { shop: managed };
    aws.roles[arn] = "osm-egress-prod";
  }
});
afterEach(() => aws.close());

const managed = { tags: { "osm-egress/managed": "true" } };
const fleetRoles = new Map(
  ["222233334444", "333344445555"].map((account) => [account, `arn:aws:iam::${account}:role/fleet`]),
);

async function sweep(onPage: (page: FleetPage) => Promise<void> = async () => undefined) {
  const pages: FleetPage[] = [];
  const settings = { region: "eu-central-1", busName: "osm-egress-prod", fleetRoles };
  const failure = await sweepFleet(settings, async (page) => {
    pages.push(page);
    await onPage(page);
  }).catch((error: unknown) => error);
  return {
    failure,
    managed: pages.flatMap((page) => page.managed).sort(),
    unlisted: pages.flatMap((page) => page.unlisted),
  };
}

test("clusters of every account are found, those of one name told apart by it", async () => {
  expect(await sweep()).toEqual({
    failure: undefined,
    managed: ["222233334444/shop", "333344445555/shop", "shop"],
    unlisted: [],
  });
});

test("an account that lets nobody in costs the others nothing, and is named", async () => {
  delete aws.roles["arn:aws:iam::222233334444:role/fleet"];
  expect(await sweep()).toEqual({
    failure: undefined,
    managed: ["333344445555/shop", "shop"],
    unlisted: [
      {
        account: "222233334444",
        problem: expect.stringMatching(
          /\[aws-forbidden\] AssumeRole arn:aws:iam::222233334444:role\/fleet with external id osm-egress-prod: AccessDenied/,
        ),
      },
    ],
  });
});

test("the stack's own account cannot be listed: the others have their turn, and the check fails", async () => {
  aws.unlisted.add(ownAccount);
  const { failure, managed: found } = await sweep();
  expect(String(failure)).toMatch(/\[aws-forbidden\] ListClusters/);
  expect(found).toEqual(["222233334444/shop", "333344445555/shop"]);
});

test("what cannot be told of one account fails the check, after the others", async () => {
  const { failure, managed: found } = await sweep(async (page) => {
    if (page.managed.includes("222233334444/shop")) throw new Error("no bus");
  });
  expect(failure).toEqual(new Error("no bus"));
  expect(found).toEqual(["222233334444/shop", "333344445555/shop", "shop"]);
});
