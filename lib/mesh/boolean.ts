const spellings: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** The twelve spellings of Go's strconv.ParseBool, true ones first. */
export const booleanSpellings: readonly string[] = [...spellings.keys()];

/** @returns undefined for every other text: no trimming, no other case */
export function parseBoolean(text: string): boolean | undefined {
  return spellings.get(text);
}
