import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { program } from "#lib/cli/main.ts";

const root = join(import.meta.dirname, "../../..");
const decisions = readdirSync(join(root, "docs/decisions"));
const pages = [
  ...["README.md", "CHANGELOG.md"],
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  ...decisions.map((name) => `docs/decisions/${name}`),
];

test("decisions are numbered one after the other, and begin with their number", () => {
  const numbers = decisions.map((_, at) => String(at + 1).padStart(4, "0"));
  expect(decisions.map((name) => name.slice(0, 5))).toEqual(numbers.map((number) => `${number}-`));
  const headings = decisions.map((name) => readFileSync(join(root, "docs/decisions", name), "utf8").slice(0, 7));
  expect(headings).toEqual(numbers.map((number) => `# ${number} `));
});

test.each(pages)("%s: every link of it leads to a file", (page) => {
  const links = [...readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(
    ([, to]) => to ?? "",
  );
  const local = links.filter((to) => !to.includes("://"));
  expect(local.filter((to) => !existsSync(join(root, dirname(page), to)))).toEqual([]);
});

test("all commands but osm events take --kubeconfig, as the README says", () => {
  const leaves = (command: Command, path: string): readonly (readonly [string, Command])[] =>
    command.commands.length === 0
      ? [[path, command]]
      : command.commands.flatMap((one) => leaves(one, `${path} ${one.name()}`.trim()));
  const without = leaves(program(), "").filter(
    ([, { options }]) => !options.some(({ long }) => long === "--kubeconfig"),
  );
  expect(without.map(([path]) => path.split(" ")[0])).toEqual(["events", "events", "events"]);
  expect(readFileSync(join(root, "README.md"), "utf8")).toContain("All but `osm events`, which speaks to AWS alone");
});
