import { styleText } from "node:util";

/** Readable in a narrow window and not torn apart in a wide one. */
const width = Math.min(Math.max(process.stdout.columns || 100, 60), 100);

/** `styleText` leaves colours out by itself where the output is no terminal or NO_COLOR is set. */
type Style = Parameters<typeof styleText>[0];

export function say(text = "", style?: Style): void {
  process.stdout.write(`${style === undefined || text === "" ? text : styleText(style, text)}\n`);
}

export function heading(text: string): void {
  say();
  say(text, ["bold", "underline"]);
}

/** A sentence or two, broken at the window's edge. */
export function tell(text: string): void {
  say();
  for (const line of wrapped(text, width)) say(line);
}

/** What was shown last: blank lines stand where the kind changes, and before every command of the machine's own shell. */
let last: "text" | "output" | "verdict" = "text";

/** A command as it is typed, before it is run. */
export function typed(command: string, prompt = "$"): void {
  if (prompt === "$" || last === "verdict") say();
  last = "output";
  say(`${styleText("dim", prompt)} ${styleText("cyan", command)}`);
}

/** What a command printed. */
export function printed(text: string): void {
  last = "output";
  for (const line of text.trimEnd().split("\n")) for (const part of wrapped(line, width - 2)) say(`  ${part}`);
}

export function verdict(ok: boolean, text: string): void {
  if (last === "output") say();
  last = "verdict";
  const mark = ok ? "✔" : "✘";
  const style: Style = ok ? "green" : ["red", "bold"];
  wrapped(text, width - 2).forEach((line, index) => say(`${index === 0 ? mark : " "} ${line}`, style));
}

/** Lines of at most that many characters; a longer word stays whole. Leading blanks stay, as tables have them. */
export function wrapped(text: string, limit: number): readonly string[] {
  if (text.length <= limit) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > limit) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" && lines.length === 0 ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
