import { type Command, Option } from "commander";
import type { DeadLetter, DeadLetterSettings } from "../aws/dead-letters.ts";

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

export function letterSettings({ stage, region, awsEndpointUrl }: LetterOptions): DeadLetterSettings {
  return {
    deployment: `osm-egress-${stage}`,
    ...(region === undefined ? {} : { region }),
    ...(awsEndpointUrl === undefined ? {} : { endpoint: awsEndpointUrl }),
  };
}

/** Of a letter that the queue itself moved, which says nothing. */
export const triedOut = "tried-five-times";

export function isMeant(letter: DeadLetter, { cluster, reason }: LetterOptions): boolean {
  const isCluster = cluster === undefined || letter.cluster === cluster;
  return isCluster && (reason === undefined || (letter.reason ?? triedOut) === reason);
}
