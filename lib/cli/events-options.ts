import { type Command, Option } from "commander";
import type { DeadLetter } from "../aws/dead-letter.ts";
import { type DeadLetterQueue, type Deal, openDeadLetters } from "../aws/dead-letters.ts";
import { EgressError } from "../errors.ts";
import { CommandError } from "./failure.ts";

export interface LetterOptions {
  readonly stage: string;
  readonly region?: string;
  readonly awsEndpointUrl?: string;
  readonly cluster?: string;
  readonly reason?: string;
}

/** Where the dead letters are, and which of them are meant. */
export function withLetterOptions(command: Command): Command {
  return command
    .requiredOption("--stage <name>", "the deployment's stage, as given to serverless deploy")
    .option("--region <region>", "AWS region (default: from the environment)")
    .addOption(new Option("--aws-endpoint-url <url>", "another endpoint than AWS's own").hideHelp())
    .option("--cluster <name>", "only those of this cluster")
    .option("--reason <reason>", 'only those of this reason, or "tried-five-times"');
}

export async function openLetters({ stage, region, awsEndpointUrl }: LetterOptions): Promise<DeadLetterQueue> {
  try {
    return await openDeadLetters({
      deployment: `osm-egress-${stage}`,
      ...(region === undefined ? {} : { region }),
      ...(awsEndpointUrl === undefined ? {} : { endpoint: awsEndpointUrl }),
    });
  } catch (error) {
    if (!(error instanceof EgressError) || error.reason !== "settings-invalid") throw error;
    throw new CommandError(error.message, "give the deployment's own --stage and --region", error);
  }
}

/** Of a letter that the queue itself moved, which says nothing. */
export const triedOut = "tried-five-times";

export function isMeant(letter: DeadLetter, { cluster, reason }: LetterOptions): boolean {
  const isCluster = cluster === undefined || letter.cluster === cluster;
  return isCluster && (reason === undefined || (letter.reason ?? triedOut) === reason);
}

/** What is done with every letter that is meant. */
interface Dealing {
  readonly deal: (deal: Deal) => (letter: DeadLetter) => Promise<void>;
  /** @throws for a letter that was named, and with which this must not be done; before anything is */
  readonly refuse?: (letter: DeadLetter) => void;
  /** Left out where no letter is named. */
  readonly isSkipped?: (letter: DeadLetter) => boolean;
}

interface ChoiceOptions extends LetterOptions {
  readonly all?: true;
}

/** A command for letters by their ids, or all of them. @param done  what is said at the end, after their number */
export function withChoice(command: Command, done: string, { deal, refuse, isSkipped }: Dealing): Command {
  command
    .argument("[ids...]", "those of osm events dead")
    .option("--all", "all of them, or all that --cluster and --reason leave");
  return withLetterOptions(command).action(async (ids: readonly string[], options: ChoiceOptions) => {
    if (ids.length === 0 && !options.all) {
      throw new CommandError("nothing is named", "give the ids of osm events dead, or --all");
    }
    const queue = await openLetters(options);
    const count = await queue.read(async (letters, dealings) => {
      const found = letters.filter((letter) => isMeant(letter, options));
      const unknown = ids.filter((id) => !found.some((letter) => letter.id === id));
      if (unknown.length > 0) {
        throw new CommandError(`no such dead letter: ${unknown.join(", ")}`, "see osm events dead; nothing was done");
      }
      const meant = found.filter((letter) => (ids.length === 0 ? !isSkipped?.(letter) : ids.includes(letter.id)));
      if (ids.length > 0) for (const letter of meant) refuse?.(letter);
      for (const [at, letter] of meant.entries()) {
        await deal(dealings)(letter);
        process.stdout.write(`${at + 1} of ${meant.length}: ${letter.id} (${letter.cluster ?? "no cluster"})\n`);
      }
      return meant.length;
    });
    process.stdout.write(`${count} ${done}\n`);
  });
}
