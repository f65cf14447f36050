import type { SQSEvent } from "aws-lambda";
import fc from "fast-check";
import { expect, test } from "vitest";
import { runQueuedPass } from "#lib/aws/queued-pass.ts";
import type { Hint } from "#lib/events/hint-event.ts";
import { isFull } from "#test/counts.ts";
import { fuzzedEvent, ownAccount } from "./fuzz/events.ts";

const events = isFull ? 20_000 : 1_000;
const figures = { requests: 1, writes: 0, pokes: 0, asks: 0, sidecars: 0, verified: 0, findings: 0, tookMs: 1 };

/** What became of one message. */
async function fate(body: string) {
  const hints: Hint[] = [];
  const dead: { readonly reason: string; readonly field: string }[] = [];
  const message = {
    messageId: "m",
    receiptHandle: "r",
    body,
    messageAttributes: {},
    attributes: { ApproximateReceiveCount: "1" },
  };
  await runQueuedPass({ Records: [message] } as unknown as SQSEvent, {
    account: ownAccount,
    hide: async () => undefined,
    about: () => undefined,
    prepare: () => undefined,
    async reconcile(hint) {
      hints.push(hint);
      return { kind: "settled", figures };
    },
    sendAgain: async () => true,
    deadLetter: async (_, reason, problem) => void dead.push({ reason, field: problem.split(": ")[0] ?? "" }),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  return { hints, dead };
}

test(`${events} fuzzed events: each is reconciled from or dead with its field named, and no malformed one is reconciled from`, {
  timeout: 300_000,
}, async () => {
  const count = { reconciled: 0, dead: 0 };
  await fc.assert(
    fc.asyncProperty(fuzzedEvent, async ({ body, wrong }) => {
      const { hints, dead } = await fate(body);
      count.reconciled += hints.length;
      count.dead += dead.length;
      expect(hints.length + dead.length).toBe(1);
      for (const { reason, field } of dead) {
        expect(reason).toBe("event-malformed");
        expect(field).toMatch(/^(body|id|source|account|time|detail-type|detail)(\.|$)/);
        // Within what is wrong, or what it is part of: a missing parent is missed before its child.
        expect(
          wrong === "anything" || (wrong !== undefined && (field.startsWith(wrong) || wrong.startsWith(field))),
        ).toBe(true);
      }
      for (const { cluster } of hints) {
        expect(cluster).toBe("shop");
        expect(wrong === undefined).toBe(true);
      }
    }),
    { numRuns: events },
  );
  expect(count.reconciled + count.dead).toBe(events);
  expect(Math.min(count.reconciled, count.dead)).toBeGreaterThan(events / 20);
});
