import { expect, test } from "vitest";
import { eventually } from "#test/eventually.ts";

/** Answers one after the other, the last one for ever. */
function looks<T>(...answers: readonly (() => T)[]): { readonly look: () => Promise<T>; readonly count: () => number } {
  let count = 0;
  const look = async () => {
    const answer = answers[Math.min(count++, answers.length - 1)];
    if (!answer) throw new Error("no answer");
    return answer();
  };
  return { look, count: () => count };
}

const fault = () => {
  throw new Error("refused");
};

test("it looks until there is something, past undefined, false and errors", async () => {
  const { look, count } = looks<string | undefined | false>(
    () => undefined,
    () => false,
    fault,
    () => "",
  );
  expect(await eventually("a text", look, { everyMs: 1 })).toBe("");
  expect(count()).toBe(4);
});

test("what is there already needs one look", async () => {
  const { look, count } = looks(() => true);
  expect(await eventually("yes", look, { withinMs: 0 })).toBe(true);
  expect(count()).toBe(1);
});

test("after the time it says what never came, what there is, and what the last look threw", async () => {
  const never = eventually("a sign", looks(fault).look, { withinMs: 20, everyMs: 1, tell: async () => "see the log" });
  await expect(never).rejects.toThrow("not within 20 ms: a sign; see the log");
  await expect(never).rejects.toHaveProperty("cause.message", "refused");
});

test("an error of an earlier look is not the cause", async () => {
  const never = eventually("a sign", looks<false>(fault, () => false).look, { withinMs: 20, everyMs: 1 });
  await expect(never).rejects.toHaveProperty("cause", undefined);
});

test("where nothing can come any more it does not wait", async () => {
  const { look, count } = looks(() => false as const);
  const never = eventually("a sign", look, { unless: () => true });
  await expect(never).rejects.toThrow("no more to come: a sign");
  expect(count()).toBe(1);
});
