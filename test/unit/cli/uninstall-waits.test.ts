import { expect, test } from "vitest";
import { untilNo } from "#lib/cli/uninstall/waits.ts";

/** Answers one after the other; the last one for ever. */
function script(...answers: readonly (boolean | undefined)[]) {
  let asked = 0;
  const ask = async () => answers[Math.min(asked++, answers.length - 1)];
  return { ask, asked: () => asked };
}

test("one API server's no is not the others': several at once, and several times in a row", async () => {
  const { ask, asked } = script(false, false, false, false, false, true, false);
  await untilNo("it is gone", ask);
  // One round of noes, one with a yes, three of noes.
  expect(asked()).toBe(20);
});

test("where it cannot be tried it is waited for, and not for ever", async () => {
  const { ask, asked } = script(undefined);
  const startedMs = Date.now();
  await untilNo("it is gone", ask, async () => undefined, 500);
  expect(Date.now() - startedMs).toBeGreaterThanOrEqual(500);
  expect(asked()).toBeGreaterThan(4);
});

test("a yes among what cannot be tried begins the wait anew", async () => {
  const { ask, asked } = script(undefined, undefined, true, undefined, undefined);
  await untilNo("it is gone", ask, async () => undefined, 100);
  expect(asked()).toBeGreaterThanOrEqual(12);
});

test("the Lease is kept before every round, and one that is lost ends it", async () => {
  let rounds = 0;
  const keep = async () => {
    if (++rounds === 3) throw new Error("lost");
  };
  await expect(untilNo("it is gone", script(true).ask, keep)).rejects.toThrow("lost");
});
