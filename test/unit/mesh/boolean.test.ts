import { expect, test } from "vitest";
import { booleanSpellings, parseBoolean } from "#lib/mesh/boolean.ts";

test.each(["1", "t", "T", "TRUE", "true", "True"])("%j is true", (text) => expect(parseBoolean(text)).toBe(true));
test.each(["0", "f", "F", "FALSE", "false", "False"])("%j is false", (text) => expect(parseBoolean(text)).toBe(false));
test.each([
  "",
  " ",
  " true",
  "true ",
  "tRUE",
  "TrUe",
  "yes",
  "on",
  "off",
  "ture",
  "2",
  "01",
  "-1",
  "null",
  "true\n",
  "constructor",
])("%j is neither", (text) => expect(parseBoolean(text)).toBeUndefined());

test("the twelve spellings, true ones first", () => {
  expect(booleanSpellings.map((text) => parseBoolean(text))).toEqual([
    ...Array<boolean>(6).fill(true),
    ...Array<boolean>(6).fill(false),
  ]);
});
