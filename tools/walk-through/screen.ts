/**
 * What stands on a terminal after a program has written to it: spinners at their end, no colours, no blanks at the ends
 * of lines. Whatever scrolled out above is kept.
 *
 * @param written  with the control sequences of an ordinary terminal
 * @param columns  where its lines break
 */
export function screenText(written: string, columns: number): string {
  const screen = new Screen(columns);
  for (const [part] of written.matchAll(token)) screen.take(part);
  return screen.text();
}

const escape = "\u001b";
/** A control sequence, or one character. */
const token = new RegExp(`${escape}\\[[0-9;?]*[A-Za-z]|${escape}[78=>]|[\\s\\S]`, "gu");
const control = new RegExp(`^${escape}\\[(\\d*)[0-9;?]*([A-Za-z])$`);

class Screen {
  readonly #columns: number;
  readonly #lines: string[][] = [[]];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  take(part: string): void {
    const [, count = "", command] = control.exec(part) ?? [];
    if (command !== undefined) this.#obey(command, count === "" ? undefined : Number(count));
    else if (part === "\n") this.#toRow(this.#row + 1);
    else if (part === "\r") this.#column = 0;
    else if (!part.startsWith(escape) && part >= " ") this.#put(part);
  }

  text(): string {
    return this.#lines
      .map((line) =>
        Array.from(line, (character) => character ?? " ")
          .join("")
          .trimEnd(),
      )
      .join("\n")
      .trimEnd();
  }

  #put(character: string): void {
    if (this.#column === this.#columns) {
      this.#toRow(this.#row + 1);
      this.#column = 0;
    }
    this.#line()[this.#column++] = character;
  }

  #obey(command: string, count: number | undefined): void {
    switch (command) {
      case "A":
        this.#row = Math.max(0, this.#row - (count ?? 1));
        return;
      case "B":
        this.#toRow(this.#row + (count ?? 1));
        return;
      case "C":
        this.#column = Math.min(this.#columns, this.#column + (count ?? 1));
        return;
      case "D":
        this.#column = Math.max(0, this.#column - (count ?? 1));
        return;
      case "G":
        this.#column = (count ?? 1) - 1;
        return;
      case "K":
        // 0: from here on; 2: all of it.
        this.#line().length = count === 2 ? 0 : Math.min(this.#column, this.#line().length);
        return;
      case "J":
        this.#line().length = Math.min(this.#column, this.#line().length);
        this.#lines.length = this.#row + 1;
        return;
      default:
        // Colours, and whether the cursor is seen.
        return;
    }
  }

  #line(): string[] {
    return (this.#lines[this.#row] ??= []);
  }

  /** A new line begins at the left, as the terminal's driver has it. */
  #toRow(row: number): void {
    this.#row = row;
    while (this.#lines.length <= row) this.#lines.push([]);
  }
}
