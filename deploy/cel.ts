/** A CEL expression where a plain value could stand. */
export class Cel {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON in which some leaves are CEL expressions, to be known only when the API server sees the object. */
export type Tree = string | number | boolean | Cel | readonly Tree[] | { readonly [key: string]: Tree };

/** CEL with values between: expressions stand as they are, everything else as a literal. */
export function cel(parts: TemplateStringsArray, ...values: readonly Tree[]): Cel {
  return new Cel(String.raw(parts, ...values.map(literal)));
}

/**
 * A value as CEL text.
 *
 * The API server wants lists and maps of one type; `dyn` is what lets a container's fields stand side by side.
 */
export function literal(value: Tree): string {
  if (value instanceof Cel) return value.text;
  if (Array.isArray(value)) return `[${listElements(value).join(", ")}]`;
  if (typeof value === "object") {
    const fields = Object.entries(value as { readonly [key: string]: Tree });
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}: dyn(${literal(field)})`).join(", ")}}`;
  }
  // JSON's escapes are CEL's.
  return JSON.stringify(value);
}

/** One element of unknown type makes the list one of `dyn`; a list of texts stays that. */
function listElements(elements: readonly Tree[]): string[] {
  const plain = elements.every((element) => typeof element !== "object");
  return elements.map((element) => (plain ? literal(element) : `dyn(${literal(element)})`));
}
