import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { eksToken, eksTokens } from "#lib/aws/eks-token.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret/of+mine", sessionToken: "session/+=" };
const date = new Date("2026-11-20T10:00:00.999Z");

function urlOf(token: string): URL {
  expect(token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
  return new URL(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString());
}

/** SigV4 from its specification, for this one request. */
function signatureOf(url: URL, cluster: string): string {
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const escape = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .sort();
  const headers = `host:${url.host}\nx-k8s-aws-id:${cluster}\n`;
  const canonical = ["GET", "/", query.join("&"), headers, "host;x-k8s-aws-id", sha256("")].join("\n");
  const at = url.searchParams.get("X-Amz-Date") ?? "";
  const scope = `${at.slice(0, 8)}/eu-central-1/sts/aws4_request`;
  const parts = [at.slice(0, 8), "eu-central-1", "sts", "aws4_request"];
  const key = parts.reduce<string | Buffer>((next, part) => hmac(next, part), `AWS4${credentials.secretAccessKey}`);
  return hmac(key, ["AWS4-HMAC-SHA256", at, scope, sha256(canonical)].join("\n")).toString("hex");
}

test("a token is a presigned GetCallerIdentity of the regional STS", async () => {
  const url = urlOf(await eksToken("shop", "eu-central-1", credentials, date));
  expect(url.origin + url.pathname).toBe("https://sts.eu-central-1.amazonaws.com/");
  expect(Object.fromEntries(url.searchParams)).toEqual({
    Action: "GetCallerIdentity",
    Version: "2011-06-15",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AKIDEXAMPLE/20261120/eu-central-1/sts/aws4_request",
    "X-Amz-Date": "20261120T100000Z",
    "X-Amz-Expires": "60",
    "X-Amz-Security-Token": "session/+=",
    "X-Amz-Signature": expect.stringMatching(/^[0-9a-f]{64}$/),
    "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
  });
});

test("its signature covers the cluster's name", async () => {
  const url = urlOf(await eksToken("shop", "eu-central-1", credentials, date));
  expect(url.searchParams.get("X-Amz-Signature")).toBe(signatureOf(url, "shop"));
  expect(url.searchParams.get("X-Amz-Signature")).not.toBe(signatureOf(url, "shop2"));
});

test("China has a domain of its own", async () => {
  expect(urlOf(await eksToken("shop", "cn-north-1", credentials, date)).host).toBe("sts.cn-north-1.amazonaws.com.cn");
});

const minute = 60_000;
test.each([
  ["13 min 59 s", 14 * minute - 1_000, "20261120T100000Z"],
  ["14 min", 14 * minute, "20261120T101400Z"],
])("after %s the token is of %s", async (_, age, expected) => {
  let now = date.getTime() - 999;
  const token = eksTokens({
    cluster: "shop",
    region: "eu-central-1",
    credentials: async () => credentials,
    now: () => now,
  });
  await token();
  now += age;
  expect(urlOf(await token()).searchParams.get("X-Amz-Date")).toBe(expected);
});

test("credentials that end sooner end the token a minute before", async () => {
  const start = date.getTime();
  let now = start;
  const expiring = { ...credentials, expiration: new Date(start + 5 * minute) };
  const token = eksTokens({
    cluster: "shop",
    region: "eu-central-1",
    credentials: async () => expiring,
    now: () => now,
  });
  const first = await token();
  now = start + 4 * minute - 1;
  expect(await token()).toBe(first);
  now = start + 4 * minute;
  expect(await token()).not.toBe(first);
});
