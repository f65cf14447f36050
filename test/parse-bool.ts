/** Go's strconv.ParseBool, said a second time: by the product's own table both would be wrong alike. */
export function parseBool(text: string | undefined): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text ?? "")) return true;
  return /^(?:0|f|F|FALSE|false|False)$/.test(text ?? "") ? false : undefined;
}

/** What the data of an osm-config say of egress. Of its own keys: `__proto__` has some too. */
export function egressIn(data: Readonly<Record<string, string>>): boolean | undefined {
  return Object.hasOwn(data, "egress") ? parseBool(data["egress"]) : undefined;
}
