import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { reachCluster } from "#lib/aws/cluster-connection.ts";
import { selfSigned } from "#test/self-signed.ts";
import { AwsStandIn, ownAccount } from "./aws-stand-in.ts";

const minuteMs = 60_000;
const settings = {
  region: "eu-central-1",
  account: ownAccount,
  busName: "osm",
  ownClusters: ["shop"],
  fleetRoles: new Map<string, string>(),
  clusterRoles: [],
  isInVpc: false,
};

let aws: AwsStandIn;
beforeEach(async () => {
  aws = await AwsStandIn.start();
});
afterEach(() => aws.close());

/** When the token that a cluster's API server gets was signed, ms since the epoch. */
async function signedMs(): Promise<number> {
  const { key, cert } = await selfSigned();
  let token = "";
  const server = createServer({ key, cert }, ({ headers }, response) => {
    token = headers.authorization ?? "";
    response.setHeader("connection", "close").end("{}");
  }).listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
    const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    aws.accounts[ownAccount] = { shop: { endpoint, ca: cert } };
    const { connection } = await reachCluster("shop", settings);
    await connection.send({ method: "GET", path: "/version" });
  } finally {
    server.close();
  }
  const url = new URL(Buffer.from(token.replace("Bearer k8s-aws-v1.", ""), "base64url").toString());
  const parts = /^(.{4})(..)(..T..)(..)(..Z)$/.exec(url.searchParams.get("X-Amz-Date") ?? "") ?? [];
  const [, year, month, dayAndHour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${dayAndHour}:${minute}:${second}`);
}

test.each([0, 10 * minuteMs, -10 * minuteMs])(
  "where AWS is %i ms ahead of us, so is a token's time",
  async (aheadMs) => {
    aws.aheadMs = aheadMs;
    expect(Math.abs((await signedMs()) - (Date.now() + aheadMs))).toBeLessThan(minuteMs);
  },
);
