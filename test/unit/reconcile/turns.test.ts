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

test("what was sent together and refused halves them once, what is sent later again, down to a few", () => {
  const turns = new Turns();
  turns.refused(10, 20);
  turns.refused(15, 21);
  turns.refused(20, 22);
  expect(turns.atATime).toBe(mostAtATime / 2);
  turns.refused(21, 30);
  expect(turns.atATime).toBe(mostAtATime / 4);
  for (let ms = 40; ms < 200; ms += 10) turns.refused(ms, ms + 5);
  expect(turns.atATime).toBe(fewestAtATime);
});

test("they grow by one for every round of pokes that is taken, up to what they were", () => {
  const turns = new Turns();
  turns.refused(10, 20);
  const half = mostAtATime / 2;
  for (let poke = 1; poke < half; poke++) turns.taken();
  expect(turns.atATime).toBe(half);
  turns.taken();
  expect(turns.atATime).toBe(half + 1);
  for (let poke = 0; poke < mostAtATime ** 2; poke++) turns.taken();
  expect(turns.atATime).toBe(mostAtATime);
});
