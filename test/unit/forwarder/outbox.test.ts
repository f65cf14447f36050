import { expect, test } from "vitest";
import { emptyOutbox, giveBack, maxBatch, maxWaiting, type Outbox, put, take } from "#lib/forwarder/outbox.ts";

const fill = (...events: string[]): Outbox<string> =>
  events.reduce((outbox, event) => put(outbox, { event, urgent: event.startsWith("!") }), emptyOutbox<string>());
const waiting = (outbox: Outbox<string>) => outbox.waiting.map(({ event }) => event);

test.each<[what: string, put: string[], waits: string[]]>([
  ["urgent ones all wait, in order", ["!a", "!b", "!c"], ["!a", "!b", "!c"]],
  ["others are absorbed by what waits already", ["a", "b", "c"], ["a"]],
  ["also by an urgent one", ["!a", "b"], ["!a"]],
  ["an urgent one never is", ["a", "!b"], ["a", "!b"]],
])("%s", (_what, events, waits) => {
  expect(waiting(fill(...events))).toEqual(waits);
});

test("a batch that is on its way absorbs nothing", () => {
  const { batch, outbox } = take(fill("a"));
  expect(batch.map(({ event }) => event)).toEqual(["a"]);
  expect(waiting(put(outbox, { event: "b", urgent: false }))).toEqual(["b"]);
});

test("a batch is as large as PutEvents allows", () => {
  const { batch, outbox } = take(fill(...Array.from({ length: maxBatch + 1 }, (_, at) => `!${at}`)));
  expect(batch).toHaveLength(maxBatch);
  expect(waiting(outbox)).toEqual([`!${maxBatch}`]);
});

test("failed ones go first again, in their order", () => {
  const { batch, outbox } = take(fill("!a", "!b", "!c"));
  const later = put(outbox, { event: "!d", urgent: true });
  expect(waiting(giveBack(later, [batch[0]!, batch[2]!]))).toEqual(["!a", "!c", "!d"]);
});

test("a full outbox keeps its order and the last word", () => {
  const events = Array.from({ length: maxWaiting + 5 }, (_, at) => `!${at}`);
  const full = fill(...events);
  expect(waiting(full)).toEqual([...events.slice(0, maxWaiting - 1), events.at(-1)]);
  expect(full.absorbed).toBe(5);
});
