import { expect, test } from "vitest";
import { cutText } from "#lib/mesh/cut-text.ts";

test.each([
  ["abc", 2, "ab"],
  ["abc", 5, "abc"],
  ["a😀", 3, "a😀"],
  ["a😀", 2, "a\uFFFD"],
  ["\uD83D", 5, "\uFFFD"],
])("%j, %i at most", (text, most, cut) => {
  expect(cutText(text, most)).toBe(cut);
});
