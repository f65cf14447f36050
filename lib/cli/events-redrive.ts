import { Command } from "commander";
import { type DeadLetter, openDeadLetters } from "../aws/dead-letters.ts";
import { isMeant, type LetterOptions, letterSettings, withLetterOptions } from "./events-options.ts";
import { CommandError } from "./failure.ts";

interface RedriveOptions extends LetterOptions {
  readonly all?: true;
}

export function eventsRedriveCommand(): Command {
  const command = new Command("redrive")
    .description("Send dead letters back to the queue, when what killed them has been put right")
    .argument("[ids...]", "those of osm events dead")
    .option("--all", "all of them, or all that --cluster and --reason leave");
  return withLetterOptions(command).action(async (ids: readonly string[], options: RedriveOptions) => {
    if (ids.length === 0 && !options.all) {
      throw new CommandError("nothing is named", "give the ids of osm events dead, or --all");
    }
    const queue = await openDeadLetters(letterSettings(options));
    const sent = await queue.read(async (letters, sendBack) => {
      const meant = chosen(
        letters.filter((letter) => isMeant(letter, options)),
        ids,
      );
      for (const [at, letter] of meant.entries()) {
        await sendBack(letter);
        process.stdout.write(`${at + 1} of ${meant.length}: ${letter.id} (${letter.cluster ?? "no cluster"})\n`);
      }
      return meant.length;
    });
    process.stdout.write(`${sent} sent back; osm events dead shows those that die again\n`);
  });
}

/** @param ids  none: all of them */
function chosen(letters: readonly DeadLetter[], ids: readonly string[]): readonly DeadLetter[] {
  const unknown = ids.filter((id) => !letters.some((letter) => letter.id === id));
  if (unknown.length > 0) {
    throw new CommandError(`no such dead letter: ${unknown.join(", ")}`, "see osm events dead; nothing was sent");
  }
  return ids.length === 0 ? letters : letters.filter(({ id }) => ids.includes(id));
}
