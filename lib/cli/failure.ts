import { EgressError, type Reason } from "../errors.ts";

/** Something that a person has to put right: what is wrong and where, and what to do. */
export class CommandError extends Error {
  readonly remedy: string;

  constructor(what: string, remedy: string, cause?: unknown) {
    super(what, { cause });
    this.name = "CommandError";
    this.remedy = remedy;
  }
}

const remedies: Partial<Record<Reason, string>> = {
  "api-unavailable": "see that the kubeconfig's server is reachable from here: kubectl version",
  "api-unauthenticated": "log in again, as the kubeconfig's user: kubectl auth whoami",
  "api-forbidden": "ask for the right that is named above, or use a kubeconfig context that has it",
  "aws-forbidden": "use AWS credentials that have the right that is named above",
  "settings-invalid": "choose a kubeconfig with --kubeconfig or $KUBECONFIG, and a context with --context",
};

/** For standard error: the failure, and on the next line what to do about it if that is known. */
export function explain(error: unknown): string {
  if (error instanceof CommandError) return `osm: ${error.message}\n  → ${error.remedy}`;
  if (error instanceof EgressError) {
    const remedy = remedies[error.reason];
    return `osm: ${error.message}${remedy === undefined ? "" : `\n  → ${remedy}`}`;
  }
  return `osm: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
