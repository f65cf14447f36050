import type * as z from "zod";

/** The first thing that is wrong with what came from outside: the field's path, dotted, and what it should be. */
export interface Fault {
  readonly field: string;
  readonly problem: string;
}

/**
 * @param whole  what to call the whole, where no field is to blame
 * @param under  where the checked value stands in what was sent
 */
export function firstFault({ issues: [issue] }: z.ZodError, whole: string, ...under: readonly string[]): Fault {
  const field = [...under, ...(issue?.path ?? [])].join(".") || whole;
  return { field, problem: issue?.message ?? "malformed" };
}
