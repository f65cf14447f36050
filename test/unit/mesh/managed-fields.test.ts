import { describe, expect, test } from "vitest";
import { type FieldPath, type ManagedFields, newestFirst, valueAt, writersOf } from "#lib/mesh/managed-fields.ts";

const at = (second: number): string => `2026-01-01T00:00:0${second}Z`;

const object = {
  spec: {
    failurePolicy: "Fail",
    validations: [{ expression: "true" }, { expression: "false" }],
    matchConditions: [
      { name: "first", expression: "a" },
      { name: "second", expression: "b" },
    ],
    finalizers: ["x", "y"],
    numbered: ["a", "b"],
  },
};

function entry(manager: string, time: string | undefined, spec: object): ManagedFields {
  return { manager, ...(time === undefined ? {} : { time }), fieldsV1: { "f:spec": spec } };
}

const leaf = {};
const managedFields = [
  entry("install", at(1), { "f:failurePolicy": leaf, "f:validations": leaf }),
  entry("lists", at(2), {
    "f:matchConditions": { ".": leaf, 'k:{"name":"second"}': { ".": leaf, "f:name": leaf, "f:expression": leaf } },
    "f:finalizers": { 'v:"y"': leaf },
    "f:numbered": { "i:1": leaf },
  }),
  entry("late", at(3), { "f:failurePolicy": leaf }),
];

describe("who owns a field, newest first", () => {
  test.each<readonly [string, FieldPath, readonly string[]]>([
    ["of two", ["spec", "failurePolicy"], ["late", "install"]],
    ["that nobody owns", ["spec", "matchConstraints"], []],
    ["of a list that is owned as one", ["spec", "validations", 1, "expression"], ["install"]],
    ["also beyond that list's end", ["spec", "validations", 7], ["install"]],
    ["of an element by its key", ["spec", "matchConditions", 1, "expression"], ["lists"]],
    ["of another element", ["spec", "matchConditions", 0, "expression"], []],
    ["of an element that is not there", ["spec", "matchConditions", 2], []],
    ["of an element by its value", ["spec", "finalizers", 1], ["lists"]],
    ["of another value", ["spec", "finalizers", 0], []],
    ["of an element by its place", ["spec", "numbered", 1], ["lists"]],
    ["of another place", ["spec", "numbered", 0], []],
    ["below what is owned only as itself", ["spec", "matchConditions", 1, "other"], []],
    ["that others' fields are in", ["spec"], ["late", "lists", "install"]],
  ])("%s", (_what, path, owners) => {
    expect(writersOf(managedFields, path, object).map(({ manager }) => manager)).toEqual(owners);
  });

  test.each<readonly ManagedFields[] | undefined>([
    undefined,
    [],
    [{ manager: "a" }],
    [{ manager: "a", fieldsV1: {} }],
    [{ fieldsV1: "x" }],
  ])("of %j: nobody", (nothing) => {
    expect(writersOf(nothing, ["spec"], object)).toEqual([]);
  });
});

test("of one second the later entry comes first, and one without a time last", () => {
  const entries = [entry("a", at(1), {}), entry("b", undefined, {}), entry("c", at(1), {})];
  expect(newestFirst(entries).map(({ manager }) => manager)).toEqual(["c", "a", "b"]);
});

test.each<readonly [FieldPath, unknown]>([
  [["spec", "validations", 1, "expression"], "false"],
  [["spec", "validations", 2, "expression"], undefined],
  [["spec", "failurePolicy", "x"], undefined],
  [[], object],
])("what stands at %j", (path, value) => {
  expect(valueAt(object, path)).toEqual(value);
});
