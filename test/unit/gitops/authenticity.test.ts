import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { hasToken, isSigned } from "#lib/gitops/authenticity.ts";

const body = Buffer.from("{}");
const sign = (key: string) => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;

test("a secret that is empty opens nothing", () => {
  expect(isSigned(body, sign(""), ["", "key"])).toBe(false);
  expect(hasToken("Bearer ", ["", "token"])).toBe(false);
  expect(isSigned(body, sign("key"), ["", "key"])).toBe(true);
});

test("without any key nothing is authentic", () => {
  expect(isSigned(body, sign("key"), [])).toBe(false);
  expect(hasToken("Bearer token", [])).toBe(false);
});

test("hex and scheme are read in either case", () => {
  expect(isSigned(body, `sha256=${sign("key").slice(7).toUpperCase()}`, ["key"])).toBe(true);
  expect(hasToken("bearer token", ["token"])).toBe(true);
});
