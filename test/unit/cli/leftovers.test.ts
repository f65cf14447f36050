import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { groupsTable, leftoversTable } from "#test/apiserver/day-two/leftovers.ts";

test("docs/leftovers.md has the tables that are compared with a cluster", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../docs/leftovers.md"), "utf8");
  expect(page).toContain(leftoversTable());
  expect(page).toContain(groupsTable());
});
