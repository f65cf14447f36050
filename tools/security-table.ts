/**
 * The tables of docs/security.md, from the attacks that tests make. Says what differs from the page, or writes it.
 *
 *   node tools/security-table.ts [--write]
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { impossible, possible } from "#test/apiserver/leaked-token.ts";
import { families } from "#test/world/attacks/all.ts";
import { type Attack, type Verdict, verdicts } from "#test/world/attacks/ways.ts";
import { table } from "./cost/tables.ts";

export const securityPage = join(import.meta.dirname, "../docs/security.md");

const words: Readonly<Record<Verdict, string>> = {
  refused: "refused",
  contained: "contained",
  outside: "**gets out**",
  beyond: "**not covered**",
};

/** What stands between the two lines with a name, by that name. Markdown. */
export function securityTables(): Readonly<Record<string, string>> {
  return {
    verdicts: table(
      ["it says", "which means"],
      (Object.keys(verdicts) as Verdict[]).map((verdict) => [words[verdict], verdicts[verdict]]),
    ),
    attacks: families.map(({ title, attacks }) => `### ${title}\n\n${attackTable(attacks)}`).join("\n\n"),
    "leaked-token": [
      table(
        ["whoever has the token can", "how it is seen, or what to do"],
        possible.map(({ use, seen }) => [use, seen]),
      ),
      table(
        ["and cannot", "because of"],
        impossible.map(({ use, by }) => [use, by]),
      ),
    ].join("\n\n"),
  };
}

function attackTable(attacks: readonly Attack[]): string {
  return table(
    ["way", "how it ends", "because"],
    attacks.map((attack) => [attack.way, ending(attack), attack.because]),
  );
}

function ending(attack: Attack): string {
  return attack.verdict === "outside" ? `${words.outside}: \`${attack.code}\`` : words[attack.verdict];
}

/** The page with its tables as they are now. @throws where a table has no place in it */
export function withTables(page: string, tables: Readonly<Record<string, string>>): string {
  return Object.entries(tables).reduce((text, [name, content]) => {
    const [start, end] = [`<!-- ${name}: npm run security:table -- --write -->`, `<!-- ${name} ends -->`];
    const [from, to] = [text.indexOf(start), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`no place for table ${name}: ${start} … ${end}`);
    return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`;
  }, page);
}

if (import.meta.main) {
  const page = await readFile(securityPage, "utf8");
  const wanted = withTables(page, securityTables());
  if (process.argv.includes("--write")) await writeFile(securityPage, wanted);
  else if (wanted !== page) {
    console.error("docs/security.md is older than the attacks (npm run security:table -- --write)");
    process.exitCode = 1;
  }
}
