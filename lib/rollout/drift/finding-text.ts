import type { FieldPath } from "../../mesh/managed-fields.ts";

const maxObject = 512;
const maxField = 256;
const maxValue = 128;
/** How much of what is the same is shown before a difference deep in a long text. */
const lead = 24;

export const nothing = "nothing";

export function objectText(name: string): string {
  return cut(name, maxObject);
}

/** `spec.validations[2].expression`; names that are not plain in brackets and quotes. */
export function fieldText(path: FieldPath): string {
  const text = path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\w$-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("");
  return cut(text.replace(/^\./, ""), maxField);
}

/** Both values so cut that the place is seen at which they begin to differ. */
export function valueTexts(wanted: unknown, found: unknown): { readonly wanted: string; readonly found: string } {
  const left = valueText(wanted);
  const right = valueText(found);
  if (left.length <= maxValue && right.length <= maxValue) return { wanted: left, found: right };
  let same = 0;
  while (same < left.length && left[same] === right[same]) same++;
  const from = same > maxValue / 2 ? same - lead : 0;
  const shown = (text: string) => cut(from === 0 ? text : `…${text.slice(from)}`, maxValue);
  return { wanted: shown(left), found: shown(right) };
}

function valueText(value: unknown): string {
  if (value === undefined) return nothing;
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}
