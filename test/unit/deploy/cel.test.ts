import { describe, expect, test } from "vitest";
import { Cel, cel, literal, type Tree } from "#deploy/cel.ts";

describe("literal", () => {
  test.each<[Tree, string]>([
    ["text", '"text"'],
    ['with "quotes", \\ and\nlines', '"with \\"quotes\\", \\\\ and\\nlines"'],
    [12, "12"],
    [false, "false"],
    [[], "[]"],
    [["a", "b"], '["a", "b"]'],
    [["a", new Cel("x")], '[dyn("a"), dyn(x)]'],
    [{}, "{}"],
    [{ a: 1, "b/c": ["d"] }, '{"a": dyn(1), "b/c": dyn(["d"])}'],
    [[{ a: true }], '[dyn({"a": dyn(true)})]'],
    [new Cel("object.spec"), "object.spec"],
  ])("%j", (value, text) => {
    expect(literal(value)).toBe(text);
  });
});

test("values in an expression are literals, expressions stand as they are", () => {
  expect(cel`object.metadata.name in ${["a", "b"]} && ${new Cel("x")} == ${"y"}`.text).toBe(
    'object.metadata.name in ["a", "b"] && x == "y"',
  );
});

test("a backslash in an expression's own text stays one", () => {
  expect(cel`name.matches("\\d")`.text).toBe('name.matches("\\\\d")');
});
