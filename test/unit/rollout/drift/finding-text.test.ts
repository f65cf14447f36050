import { expect, test } from "vitest";
import { fieldText, objectText, valueTexts } from "#lib/rollout/drift/finding-text.ts";

test.each([
  [[], ""],
  [["rules"], "rules"],
  [["rules", 0, "verbs", 1], "rules[0].verbs[1]"],
  [["metadata", "labels", "a.b/c"], 'metadata.labels["a.b/c"]'],
  [["properties", "x-kubernetes-list-type", "$ref"], "properties.x-kubernetes-list-type.$ref"],
] as const)("%j is %s", (path, text) => {
  expect(fieldText(path)).toBe(text);
});

test.each([
  ["Fail", "Ignore", "Fail", "Ignore"],
  [undefined, { a: 1 }, "nothing", '{"a":1}'],
  ["", false, '""', "false"],
])("%j and %j", (wanted, found, left, right) => {
  expect(valueTexts(wanted, found)).toEqual({ wanted: left, found: right });
});

test("long texts that differ early are cut at the end", () => {
  const texts = valueTexts("a".repeat(200), "b");
  expect(texts).toEqual({ wanted: `${"a".repeat(127)}…`, found: "b" });
});

test("long texts that differ late show where", () => {
  const same = "0123456789".repeat(20);
  const texts = valueTexts(`${same}A${same}`, `${same}B`);
  expect(texts.wanted).toMatch(/^…678901234567890123456789A0123/);
  expect(texts.wanted.length).toBe(128);
  expect(texts.found).toBe(`…${same.slice(-24)}B`);
});

test("names and fields keep to their length", () => {
  expect(objectText("x".repeat(600))).toBe(`${"x".repeat(511)}…`);
  expect(fieldText(["x".repeat(600)]).length).toBe(256);
});
