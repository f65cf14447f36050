/** Something that a person has to put right: what is wrong and where, and what to do about it. */
export class CommandError extends Error {
  readonly remedy: string;

  constructor(what: string, remedy: string, cause?: unknown) {
    super(what, { cause });
    this.name = "CommandError";
    this.remedy = remedy;
  }
}
