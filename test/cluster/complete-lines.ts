import { createReadStream } from "node:fs";

/**
 * The lines of a log that is still being written; a last one without its line feed is left out, as it may be half of one.
 *
 * @param start  in bytes, at the beginning of a line
 */
export async function* completeLines(path: string, start = 0): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, { encoding: "utf8", start })) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** The same, parsed. */
export async function completeJsonLines(path: string): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for await (const line of completeLines(path)) values.push(JSON.parse(line));
  return values;
}
