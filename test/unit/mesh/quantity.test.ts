import { expect, test } from "vitest";
import { isAbove, quantityValue } from "#lib/mesh/quantity.ts";

test.each([
  ["0", 0],
  ["2", 2],
  ["0.5", 0.5],
  ["250m", 0.25],
  ["1k", 1_000],
  ["1Ki", 1_024],
  ["1.5Gi", 1_610_612_736],
  ["1T", 1e12],
  ["1Ti", 2 ** 40],
  ["10000000000000000000", 1e19],
  ["100000000000000000000", undefined],
  ["", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  ["1gi", undefined],
  ["Mi", undefined],
])("%j is %s", (text, value) => expect(quantityValue(text)).toBe(value));

test.each([
  ["257Mi", "256Mi", true],
  ["256Mi", "256Mi", false],
  ["0.25Gi", "256Mi", false],
  ["268435457", "256Mi", true],
  ["1", "999m", true],
  ["1", "1000m", false],
  ["1G", "1Gi", false],
  ["much", "1", false],
])("%s above %s: %s", (left, right, above) => expect(isAbove(left, right)).toBe(above));
