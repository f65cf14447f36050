import { expect, test } from "vitest";
import { notRoot } from "../../../tools/images.ts";

test("whoever is not root is told so before anything is built", () => {
  expect(notRoot(1000)).toMatch(/only root can give them to others\n {2}→ run it as root: sudo /);
  expect(notRoot(undefined)).toBeDefined();
});

test("root builds", () => {
  expect(notRoot(0)).toBeUndefined();
});
