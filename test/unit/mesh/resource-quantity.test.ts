import { expect, test } from "vitest";
import { isSameAmount } from "#lib/mesh/resource-quantity.ts";

test.each<[unknown, unknown, boolean]>([
  ["1", "1000m", true],
  [1, "1", true],
  [0.5, "500m", true],
  ["1Gi", "1073741824", true],
  ["1Gi", 1_073_741_824, true],
  ["1G", "1Gi", false],
  ["1.5Gi", "1536Mi", true],
  ["1e3", "1k", true],
  ["1E3", "1k", true],
  ["1E", "1e18", true],
  ["12e-1", "1200m", true],
  [".5", "0.5", true],
  ["5.", "5", true],
  ["+1", "1", true],
  ["-1", "1", false],
  ["9007199254740993", "9007199254740992", false],
  ["100u", "0.1m", true],
  ["1n", "1u", false],
  ["0", "0m", true],
  [" 1 ", "1", true],
  ["", "", false],
  [".", ".", false],
  ["1 Gi", "1Gi", false],
  ["1g", "1g", false],
  ["much", "much", false],
  [undefined, undefined, false],
  [null, null, false],
])("%j and %j: %j", (left, right, same) => {
  expect(isSameAmount(left, right)).toBe(same);
  expect(isSameAmount(right, left)).toBe(same);
});
