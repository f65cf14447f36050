import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { attacks } from "#test/world/attacks/all.ts";
import { securityPage, securityTables, withTables } from "../../../tools/security-table.ts";

/** An attack more, or another end of one: `npm run security:table -- --write`. */
test("the checked-in page has the tables of the attacks that are made", async () => {
  const page = await readFile(securityPage, "utf8");
  expect(withTables(page, securityTables())).toBe(page);
});

test("every attack has a row of its own", () => {
  const rows = securityTables()
    ["attacks"]?.split("\n")
    .filter((line) => line.startsWith("| "));
  const ways = attacks.map(({ way }) => way);
  expect(new Set(ways).size).toBe(ways.length);
  for (const way of ways) expect(rows?.filter((row) => row.startsWith(`| ${way} |`))).toHaveLength(1);
});

test.each(attacks)("$way: what stands in its row breaks no table", ({ way, because }) => {
  expect(`${way}${because}`).not.toMatch(/[|\n]/);
});

describe("a page's tables", () => {
  const page = (content: string) => `a\n<!-- x: npm run security:table -- --write -->${content}<!-- x ends -->\nb\n`;

  test("are replaced, and nothing around them", () => {
    const once = withTables(page("old"), { x: "| new |" });
    expect(once).toBe(page("\n\n| new |\n\n"));
    expect(withTables(once, { x: "| new |" })).toBe(once);
  });

  test("need a place", () => {
    expect(() => withTables("a\n", { x: "t" })).toThrow("no place for table x");
    expect(() => withTables("<!-- x ends --><!-- x: npm run security:table -- --write -->", { x: "t" })).toThrow(
      "no place",
    );
  });
});
