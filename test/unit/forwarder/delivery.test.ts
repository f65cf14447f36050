import { expect, test } from "vitest";
import type { BusEntry } from "#lib/events/fields.ts";
import { objectChanged } from "#lib/events/hint-event.ts";
import { startDelivery } from "#lib/forwarder/delivery.ts";

const entry = (name: string): BusEntry =>
  objectChanged(
    { id: name, version: 1, cluster: "test", time: "2026-01-01T00:00:00.000Z" },
    { object: { kind: "Pod", name } },
  );
const idOf = ({ detail }: BusEntry) => detail.metadata.id;

test("failed entries go again, alone and first, until they are in", async () => {
  const calls: string[][] = [];
  const troubles: (readonly [unknown, number])[] = [];
  const delivery = startDelivery(
    async (events) => {
      calls.push(events.map(idOf));
      if (calls.length === 2) throw new Error("no answer");
      return calls.length < 4 ? events.filter((one) => idOf(one) !== "b") : [];
    },
    (trouble, refused) => troubles.push([trouble, refused]),
  );
  for (const name of ["a", "b", "c"]) delivery.post(entry(name), true);
  await delivery.close(5_000);
  expect(calls).toEqual([
    ["a", "b", "c"],
    ["a", "c"],
    ["a", "c"],
    ["a", "c"],
  ]);
  expect(troubles).toEqual([
    [undefined, 2],
    [new Error("no answer"), 2],
    [undefined, 2],
  ]);
  expect(delivery.figures()).toEqual({ sent: 3, refused: 6, absorbed: 0, waiting: 0 });
});

test("while a call is under way, what comes waits for the next", async () => {
  const calls: string[][] = [];
  const gate = Promise.withResolvers<void>();
  const delivery = startDelivery(
    async (events) => {
      calls.push(events.map(idOf));
      await gate.promise;
      return [];
    },
    () => undefined,
  );
  delivery.post(entry("a"), false);
  await new Promise(setImmediate);
  for (const name of ["b", "c"]) delivery.post(entry(name), false);
  gate.resolve();
  await delivery.close(5_000);
  expect(calls).toEqual([["a"], ["b"]]);
});

test("closing ends when its time is over, though nothing gets in", async () => {
  const delivery = startDelivery(
    async (events) => events,
    () => undefined,
  );
  delivery.post(entry("a"), true);
  const startedMs = performance.now();
  await delivery.close(300);
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  expect(delivery.figures()).toMatchObject({ sent: 0, waiting: 1 });
});
