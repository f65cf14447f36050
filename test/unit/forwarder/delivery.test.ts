import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { BusEntry } from "#lib/events/fields.ts";
import { objectChanged } from "#lib/events/hint-event.ts";
import { startDelivery } from "#lib/forwarder/delivery.ts";
import { eventually } from "#test/eventually.ts";

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

test("it knows for how long something has not got in, whatever else gets in meanwhile", async () => {
  let refuses = true;
  const delivery = startDelivery(
    async (events) => events.filter((one) => refuses && idOf(one) === "b"),
    () => undefined,
  );
  expect(delivery.unsentMs()).toBe(0);
  for (const name of ["a", "b"]) delivery.post(entry(name), true);
  const postedMs = performance.now();
  await eventually("a is in", () => delivery.figures().sent === 1);
  delivery.post(entry("c"), true);
  await eventually("c is in", () => delivery.figures().sent === 2);
  const leastMs = performance.now() - postedMs;
  expect(leastMs).toBeGreaterThan(0);
  expect(delivery.unsentMs()).toBeGreaterThanOrEqual(leastMs);
  refuses = false;
  await eventually("b is in", () => delivery.figures().sent === 3);
  expect(delivery.unsentMs()).toBe(0);
});

test("what came while others were sent has waited only since then", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  const delivery = startDelivery(
    async () => {
      await gates[calls++]?.promise;
      return [];
    },
    () => undefined,
  );
  delivery.post(entry("a"), true);
  await new Promise(setImmediate);
  delivery.post(entry("b"), true);
  await sleep(50);
  const releasedMs = performance.now();
  gates[0]?.resolve();
  await eventually("a is in", () => delivery.figures().sent === 1, { everyMs: 1 });
  expect(delivery.unsentMs()).toBeGreaterThan(0);
  expect(delivery.unsentMs()).toBeLessThanOrEqual(performance.now() - releasedMs);
  gates[1]?.resolve();
  await delivery.close(5_000);
  expect(delivery.unsentMs()).toBe(0);
});
