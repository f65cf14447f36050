import { expect, test } from "vitest";
import { compareSizes } from "../../../tools/bundle-sizes.ts";

test.each<[what: string, now: Record<string, number>, faults: string[]]>([
  ["the same", { a: 102_400 }, []],
  ["smaller", { a: 1 }, []],
  ["a twentieth larger", { a: 107_520 }, []],
  ["a byte more", { a: 107_521 }, ["a: 105 KiB, was 100 KiB"]],
  ["new", { a: 102_400, b: 1 }, ["b: not in the table"]],
  ["gone", {}, ["a: in the table, but not built"]],
])("%s", (_what, now, faults) => {
  expect(compareSizes({ a: 102_400 }, now)).toEqual(faults);
});
