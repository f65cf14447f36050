import { Command } from "commander";
import type { DeadLetter } from "../aws/dead-letter.ts";
import { isMeant, type LetterOptions, openLetters, triedOut, withLetterOptions } from "./events-options.ts";
import { type OutputFormat, outputOption, structuredText, tableText } from "./output.ts";

export function eventsDeadCommand(): Command {
  const command = new Command("dead")
    .description("List the dead letters: what they were about, and why they died")
    .addOption(outputOption(["table", "json", "yaml"]));
  return withLetterOptions(command).action(async (options: LetterOptions & { readonly output: OutputFormat }) => {
    const queue = await openLetters(options);
    const letters = await queue.read(async (found) => found.filter((letter) => isMeant(letter, options)));
    process.stdout.write(`${text(letters, options.output)}\n`);
  });
}

function text(letters: readonly DeadLetter[], format: OutputFormat): string {
  if (format === "json" || format === "yaml") return structuredText(format, letters);
  if (letters.length === 0) return "No dead letters";
  return tableText(
    ["ID", "SINCE", "CLUSTER", "SOURCE", "REASON", "PROBLEM"],
    letters.map(({ id, since = "-", cluster = "-", source = "-", reason = triedOut, problem = "-" }) => [
      id,
      since,
      cluster,
      source,
      reason,
      problem,
    ]),
  );
}
