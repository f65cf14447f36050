type Parsed<T> = { readonly items: readonly T[] } | { readonly bad: string; readonly wanted: string };

/** As the MeshInjection CRD bounds its lists. */
const maxItems = 256;

/** `10.0.0.0/8, 192.168.1.1/32` → canonical ranges, host bits zeroed, sorted, each once; an empty text has none. */
export function parseCidrs(text: string): Parsed<string> {
  return parseList(text, canonicalCidr, `a comma-separated list of at most ${maxItems} IPv4 ranges such as 10.0.0.0/8`);
}

/** `6379, 5432` → numbers from 1 to 65535, sorted, each once. */
export function parsePorts(text: string): Parsed<number> {
  return parseList(text, portNumber, `a comma-separated list of at most ${maxItems} ports from 1 to 65535`);
}

function parseList<T>(text: string, parse: (item: string) => T | undefined, wanted: string): Parsed<T> {
  // Whoever clears a list must not leave the old holes open.
  if (text.trim() === "") return { items: [] };
  const items = new Set<T>();
  for (const part of text.split(",")) {
    const item = parse(part.trim());
    if (item === undefined) return { bad: part.trim(), wanted };
    items.add(item);
  }
  if (items.size > maxItems) return { bad: `${items.size} of them`, wanted };
  return { items: [...items].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0)) };
}

function portNumber(text: string): number | undefined {
  if (!/^[1-9]\d{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

/** As Go's net.ParseCIDR has it: no leading zeros, which some programs read as octal. */
const cidrPattern = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\/(0|[1-9]\d?)$/;

function canonicalCidr(text: string): string | undefined {
  const match = cidrPattern.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((octet) => octet > 255) || bits > 32) return undefined;
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  const address = ((((a << 24) | (b << 16) | (c << 8) | d) >>> 0) & mask) >>> 0;
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}/${bits}`;
}
