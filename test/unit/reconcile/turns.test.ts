import { expect, test } from "vitest";
import { fewestAtATime, mostAtATime, Turns } from "#lib/reconcile/turns.ts";

test("as many at a time as a connection keeps in flight, and no more", async () => {
  const turns = new Turns();
  const gate = Promise.withResolvers<void>();
  let dealt = 0;
  const all = Array.from({ length: 2 * mostAtATime }, () =>
    turns.take(() => {
      dealt++;
      return gate.promise;
    }),
  );
  await Promise.resolve();
  expect(dealt).toBe(mostAtATime);
  gate.resolve();
  await Promise.all(all);
  expect(dealt).toBe(2 * mostAtATime);
});

function refuse(turns: Turns, pokes: number, sentMs: number): void {
  for (let poke = 0; poke < pokes; poke++) turns.note(false, sentMs, sentMs + 5);
}

function take(turns: Turns, pokes: number, sentMs: number): void {
  for (let poke = 0; poke < pokes; poke++) turns.note(true, sentMs, sentMs + 5);
}

test("a round of refused pokes halves them, once for all that were sent before, and down to a few", () => {
  const turns = new Turns();
  refuse(turns, 3 * mostAtATime, 10);
  expect(turns.atATime).toBe(mostAtATime / 2);
  refuse(turns, mostAtATime / 2, 20);
  expect(turns.atATime).toBe(mostAtATime / 4);
  for (let sentMs = 30; sentMs < 100; sentMs += 10) refuse(turns, mostAtATime, sentMs);
  expect(turns.atATime).toBe(fewestAtATime);
});

test("they grow by a quarter with every round that is taken, up to what they were", () => {
  const turns = new Turns();
  refuse(turns, mostAtATime, 10);
  const half = mostAtATime / 2;
  take(turns, half - 1, 20);
  expect(turns.atATime).toBe(half);
  take(turns, 1, 20);
  expect(turns.atATime).toBe(half * 1.25);
  for (let sentMs = 30; sentMs < 100; sentMs += 10) take(turns, mostAtATime, sentMs);
  expect(turns.atATime).toBe(mostAtATime);
});

test("pods that cannot be poked, while most can, take nobody's turns", () => {
  const turns = new Turns();
  for (let sentMs = 10; sentMs < 1_000; sentMs += 10) {
    refuse(turns, 30, sentMs);
    take(turns, 34, sentMs);
  }
  expect(turns.atATime).toBe(mostAtATime);
});
