import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freshMs, maxBodyBytes, receive, type WebhookCall, type WebhookReply } from "#lib/gitops/webhook.ts";
import { fluxEvent, signature } from "#test/aws/webhook-call.ts";

const nowMs = Date.UTC(2026, 0, 1, 12);
const keys = { flux: ["new-key", "old-key"], argocd: ["new-token", "old-token"] };
const revision = "main@sha1:8406628";
const flux = (more: object = {}) =>
  fluxEvent({ timestamp: new Date(nowMs - 1_000).toISOString(), metadata: { revision }, ...more });
const argo = (more: object = {}) => ({
  application: "mesh",
  revision: "8406628",
  timestamp: new Date(nowMs - 1_000).toISOString(),
  ...more,
});

function signed(json: unknown, key = "new-key", path = "/flux/shop"): WebhookCall {
  const body = Buffer.from(JSON.stringify(json));
  return { method: "POST", path, headers: { "x-signature": signature(body, key) }, body };
}
function withToken(json: unknown, token = "new-token"): WebhookCall {
  const headers = { authorization: `Bearer ${token}` };
  return { method: "POST", path: "/argocd/shop", headers, body: Buffer.from(JSON.stringify(json)) };
}

interface Told {
  readonly reply: WebhookReply;
  readonly announced: readonly unknown[];
  readonly keyReads: number;
  readonly refusals: readonly string[];
}

async function told(call: WebhookCall): Promise<Told> {
  const announced: unknown[] = [];
  const refusals: string[] = [];
  let keyReads = 0;
  const reply = await receive(call, {
    keys: async () => {
      keyReads++;
      return keys;
    },
    announce: async (cluster, notification) => {
      announced.push({ cluster, ...notification });
      return "an-id";
    },
    nowMs: () => nowMs,
    refused: (why, fields) => refusals.push(JSON.stringify({ why, ...fields })),
  });
  return { reply, announced, keyReads, refusals };
}

const applied = {
  cluster: "shop",
  owner: { kind: "Kustomization", namespace: "flux-system", name: "mesh" },
  revision,
  occurredAt: new Date(nowMs - 1_000).toISOString(),
};

describe("a call that is what it says", () => {
  test.each([
    ["Flux, with the current key", signed(flux()), applied],
    ["Flux, with the key before it", signed(flux(), "old-key"), applied],
    [
      "Flux, its metadata under its group's name",
      signed(flux({ metadata: { "kustomize.toolkit.fluxcd.io/revision": revision } })),
      applied,
    ],
    [
      "Argo CD, with the current token",
      withToken(argo({ namespace: "argocd" })),
      { ...applied, owner: { kind: "Application", namespace: "argocd", name: "mesh" }, revision: "8406628" },
    ],
    [
      "Argo CD, with the token before it",
      withToken(argo(), "old-token"),
      { ...applied, owner: { kind: "Application", name: "mesh" }, revision: "8406628" },
    ],
    ["to a path pasted behind the URL's slash", signed(flux(), "new-key", "//flux/shop"), applied],
    ["to a path with a slash at its end", signed(flux(), "new-key", "/flux/shop/"), applied],
    [
      "of a cluster in another account",
      signed(flux(), "new-key", "/flux/222233334444/shop"),
      { ...applied, cluster: "222233334444/shop" },
    ],
    [
      "of another offset, in its last moment",
      signed(flux({ timestamp: "2026-01-01T13:55:00.000+02:00" })),
      { ...applied, occurredAt: new Date(nowMs - freshMs).toISOString() },
    ],
  ])("%s: becomes one event", async (_, call, expected) => {
    const { reply, announced } = await told(call);
    expect(reply).toEqual({ status: 202, message: "an-id" });
    expect(announced).toEqual([expected]);
  });

  test.each([
    ["a failure", flux({ severity: "error", reason: "ReconciliationFailed" })],
    ["something that waits, with the revision that it waits for", flux({ reason: "DependencyNotReady" })],
    ["progress", flux({ reason: "Progressing" })],
    ["an object that applies nothing", flux({ involvedObject: { kind: "GitRepository", namespace: "a", name: "b" } })],
    ["no revision", flux({ metadata: {} })],
    ["no metadata", flux({ metadata: null })],
  ])("about %s: no event", async (_, json) => {
    const { reply, announced } = await told(signed(json));
    expect([reply.status, announced]).toEqual([202, []]);
  });
});

describe("a call that is not", () => {
  const body = Buffer.from(JSON.stringify(flux()));
  const other = (headers: WebhookCall["headers"], more: Partial<WebhookCall> = {}): WebhookCall => ({
    method: "POST",
    path: "/flux/shop",
    headers,
    body,
    ...more,
  });
  test.each<readonly [string, WebhookCall, number]>([
    ["no signature", other({}), 401],
    ["an empty one", other({ "x-signature": "" }), 401],
    ["one of an empty key", other({ "x-signature": signature(body, "") }), 401],
    ["one of another key", other({ "x-signature": signature(body, "guess") }), 401],
    ["the hex without its prefix", other({ "x-signature": signature(body, "new-key").slice(7) }), 401],
    ["another prefix", other({ "x-signature": signature(body, "new-key").replace("256", "512") }), 401],
    ["one that is cut short", other({ "x-signature": signature(body, "new-key").slice(0, -2) }), 401],
    ["one of another body", other({ "x-signature": signature(Buffer.from("{}"), "new-key") }), 401],
    [
      "the body signed, and a byte behind it",
      other({ "x-signature": signature(body, "new-key") }, { body: Buffer.concat([body, Buffer.from(" ")]) }),
      401,
    ],
    ["Argo CD's token to Flux's path", other({ authorization: "Bearer new-token" }), 401],
    ["Flux's key as Argo CD's token", withToken(argo(), "new-key"), 401],
    ["a token that begins like the right one", withToken(argo(), "new-toke"), 401],
    ["no token", withToken(argo(), ""), 401],
    ["a body one byte too large", signed({ ...flux(), message: "x".repeat(maxBodyBytes) }), 413],
    ["a GET", { ...signed(flux()), method: "GET" }, 405],
    ["no cluster", signed(flux(), "new-key", "/flux/"), 404],
    ["a cluster's name that is none", signed(flux(), "new-key", "/flux/a.b"), 404],
    ["a path with an account that is none", signed(flux(), "new-key", "/flux/22223333444/shop"), 404],
    [
      "a path that goes on behind the cluster of an account",
      signed(flux(), "new-key", "/flux/222233334444/shop/x"),
      404,
    ],
    ["another path", signed(flux(), "new-key", "/flux/shop/more"), 404],
    [
      "no JSON",
      { ...signed(flux()), body: Buffer.from("x"), headers: { "x-signature": signature(Buffer.from("x"), "new-key") } },
      400,
    ],
    ["no involvedObject", signed({ ...flux(), involvedObject: undefined }), 400],
    ["no time", signed({ ...flux(), timestamp: undefined }), 400],
    ["a time that is none", signed(flux({ timestamp: "yesterday" })), 400],
    ["a millisecond too old", signed(flux({ timestamp: new Date(nowMs - freshMs - 1).toISOString() })), 401],
    ["from the future", signed(flux({ timestamp: new Date(nowMs + 61_000).toISOString() })), 401],
    ["an Application without a revision", withToken(argo({ revision: undefined })), 400],
    ["an Application with none, as Go's templates say it", withToken(argo({ revision: "<no value>" })), 400],
    ["an Application with an empty one", withToken(argo({ revision: "" })), 400],
  ])("%s: no event, and why is told", async (_, call, status) => {
    const { reply, announced, refusals } = await told(call);
    expect([reply.status, announced]).toEqual([status, []]);
    expect(refusals).toHaveLength(1);
    for (const text of [...refusals, reply.message]) expect(text).not.toMatch(/new-key|old-key|new-token|old-token/);
  });

  test("without a signature the keys are not even read", async () => {
    expect(await told(other({}))).toMatchObject({ keyReads: 0 });
    expect(await told(other({ "x-signature": signature(body, "guess") }))).toMatchObject({ keyReads: 1 });
  });

  test("a malformed field is named, with its place", async () => {
    const { reply } = await told(signed(flux({ involvedObject: { kind: "Kustomization" } })));
    expect(reply.message).toMatch(/^involvedObject\.name: /);
  });

  test("whatever is changed in a signed call, it is refused", async () => {
    const call = signed(flux());
    await fc.assert(
      fc.asyncProperty(fc.nat(call.body.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(call.body);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const { reply, announced } = await told({ ...call, body: changed });
        expect([reply.status, announced]).toEqual([401, []]);
      }),
    );
    const random = `sha256=${randomBytes(32).toString("hex")}`;
    expect((await told({ ...call, headers: { "x-signature": random } })).announced).toEqual([]);
  });
});
