import type { SQSEvent, SQSRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { maxPasses, passesOf } from "#lib/aws/queue.ts";
import { runQueuedPass } from "#lib/aws/queued-pass.ts";
import { EgressError, type Reason } from "#lib/errors.ts";
import type { PassOutcome } from "#lib/reconcile/pass.ts";

const figures = { requests: 1, writes: 0, pokes: 0, asks: 0, sidecars: 0, verified: 0, findings: 0, tookMs: 1 };
const good = JSON.stringify({
  id: "e-1",
  source: "me",
  account: "111122223333",
  "detail-type": "Egress Reconcile Requested",
  time: "2026-11-20T10:00:00Z",
  detail: { cluster: "shop" },
});

const attributes = { ApproximateReceiveCount: "1" };

function event(...bodies: string[]): SQSEvent {
  const records = bodies.map((body) => ({
    messageId: "m",
    receiptHandle: "r",
    body,
    messageAttributes: {},
    attributes,
  }));
  return { Records: records as unknown as SQSRecord[] };
}

/** Writes down what the pass does to the world, in order. */
function world(pass: () => PassOutcome, sendsAgain = true) {
  const did: string[] = [];
  return {
    did,
    ports: {
      account: "111122223333",
      hide: async () => void did.push("hide"),
      about: () => undefined,
      prepare: () => undefined,
      reconcile: async ({ cluster }: { cluster: string }) => {
        did.push(`reconcile ${cluster}`);
        return pass();
      },
      sendAgain: async () => {
        did.push("send again");
        return sendsAgain;
      },
      deadLetter: async (_: unknown, reason: Reason, problem: string) => void did.push(`dead: ${reason}: ${problem}`),
      log: { info: () => undefined, warn: () => undefined, error: (text: string) => void did.push(`error: ${text}`) },
    },
  };
}
const failing = (error: Error) => (): never => {
  throw error;
};

test.each(["settled", "held-by-another", "superseded"] as const)("a pass that is %s is done", async (kind) => {
  const { did, ports } = world(() => ({ kind, figures }));
  expect(await runQueuedPass(event(good), ports)).toEqual({ kind, figures });
  expect(did).toEqual(["hide", "reconcile shop"]);
});

test.each([
  ["the first time", { attributes }, "hint"],
  ["again, because its pass was killed", { attributes: { ApproximateReceiveCount: "2" } }, "drift"],
  ["again, because its pass ran short of time", { messageAttributes: { "osm-passes": { stringValue: "1" } } }, "drift"],
])("a message that comes %s: whom the pass asks", async (_, record, kind) => {
  const kinds: string[] = [];
  const { ports } = world(() => ({ kind: "settled", figures }));
  const [one] = event(good).Records;
  const reconcile = async (hint: { readonly kind: string }) => {
    kinds.push(hint.kind);
    return { kind: "settled", figures } as const;
  };
  await runQueuedPass({ Records: [{ ...one, ...record } as SQSRecord] }, { ...ports, reconcile });
  expect(kinds).toEqual([kind]);
});

test("a pass out of time sends itself once more", async () => {
  const { did, ports } = world(() => ({ kind: "out-of-time", figures }));
  await runQueuedPass(event(good), ports);
  expect(did).toEqual(["hide", "reconcile shop", "send again"]);
});

test("one that has gone round too often says so", async () => {
  const { did, ports } = world(() => ({ kind: "out-of-time", figures }), false);
  await runQueuedPass(event(good), ports);
  expect(did.at(-1)).toMatch(/^error: gone round too often/);
});

test("a malformed event is logged and becomes a dead letter, without a pass", async () => {
  const { did, ports } = world(() => ({ kind: "settled", figures }));
  expect(await runQueuedPass(event("{}"), ports)).toBeUndefined();
  expect(did).toEqual(["hide", "error: event malformed", expect.stringMatching(/^dead: event-malformed: id: /)]);
});

test("an event of another account about a cluster of the stack's own is malformed", async () => {
  const { did, ports } = world(() => ({ kind: "settled", figures }));
  const foreign = { ...JSON.parse(good), account: "222233334444", detail: { cluster: "111122223333/shop" } };
  expect(await runQueuedPass(event(JSON.stringify(foreign)), ports)).toBeUndefined();
  expect(did.at(-1)).toBe(
    "dead: event-malformed: detail.cluster: account 222233334444 may only speak of its own clusters",
  );
});

test("what no retry can cure becomes a dead letter with its reason", async () => {
  const { did, ports } = world(failing(new EgressError("api-forbidden", "PATCH ConfigMap shop/x: 403")));
  expect(await runQueuedPass(event(good), ports)).toBeUndefined();
  expect(did.slice(2)).toEqual([
    "error: pass failed for good",
    "dead: api-forbidden: [api-forbidden] PATCH ConfigMap shop/x: 403",
  ]);
});

test.each([
  ["cluster-unknown", "DescribeCluster shop: no such cluster in this region", "detail.cluster"],
  ["aws-forbidden", "DescribeCluster shop: AccessDenied", "detail.cluster"],
  ["aws-forbidden", "PutEvents: AccessDenied", undefined],
] as const)("%s: %s: the log names field %s", async (reason, what, field) => {
  const lines: unknown[] = [];
  const { ports } = world(failing(new EgressError(reason, what)));
  const error = (_: string, fields: object = {}) => void lines.push(fields);
  await runQueuedPass(event(good), { ...ports, log: { ...ports.log, error } });
  const more = field === undefined ? {} : { field };
  expect(lines).toEqual([{ messageId: expect.any(String), reason, error: expect.any(EgressError), ...more }]);
});

test.each([
  new EgressError("api-unavailable", "GET /version: no answer"),
  new EgressError("api-unauthenticated", "GET /version: 401"),
  new EgressError("object-conflict", "PUT Lease: 409"),
  new TypeError("a bug of ours"),
])("%s is thrown, and the queue brings the message back", async (error) => {
  const { did, ports } = world(failing(error));
  await expect(runQueuedPass(event(good), ports)).rejects.toBe(error);
  expect(did).toEqual(["hide", "reconcile shop"]);
});

test("a message that cannot be hidden gets no pass, and the log knows whose it is", async () => {
  const { did, ports } = world(() => ({ kind: "settled", figures }));
  const hide = failing(new EgressError("aws-unavailable", "ChangeMessageVisibility"));
  const about = ({ correlationId }: { readonly correlationId: string }) => void did.push(`about ${correlationId}`);
  await expect(runQueuedPass(event(good), { ...ports, about, hide: async () => hide() })).rejects.toThrow(
    "ChangeMessageVisibility",
  );
  expect(did).toEqual(["about e-1"]);
});

test.each([[[]], [[good, good]]])("a batch that is not one message is refused", async (bodies) => {
  const { did, ports } = world(() => ({ kind: "settled", figures }));
  await expect(runQueuedPass(event(...bodies), ports)).rejects.toThrow(/^\[settings-invalid\]/);
  expect(did).toEqual([]);
});

test.each([
  [undefined, 0],
  ["3", 3],
  ["-1", maxPasses],
  ["many", maxPasses],
])("a message that says %j passes has made %i", (stringValue, passes) => {
  const messageAttributes = stringValue === undefined ? {} : { "osm-passes": { stringValue, dataType: "String" } };
  expect(passesOf({ messageId: "m", receiptHandle: "r", body: "", messageAttributes } as never)).toBe(passes);
});
