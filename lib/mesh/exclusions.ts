type Parsed<T> = { readonly items: readonly T[] } | { readonly bad: string; readonly wanted: string };

/** As the MeshInjection CRD bounds its lists. */
const maxItems = 256;

/** `10.0.0.0/8, 192.168.1.1/32` → canonical ranges, host bits zeroed, sorted, each once; an empty text has none. */
export function parseCidrs(text: string): Parsed<string> {
  return parseList(text, canonicalCidr, cidrsWanted(maxItems));
}

/** `6379, 5432` → numbers from 1 to 65535, sorted, each once. */
export function parsePorts(text: string): Parsed<number> {
  return parseList(text, portNumber, portsWanted(maxItems));
}

/** In words, for whoever wrote something else. */
export function cidrsWanted(most: number): string {
  return `a comma-separated list of at most ${most} IPv4 ranges such as 10.0.0.0/8`;
}

export function portsWanted(most: number): string {
  return `a comma-separated list of at most ${most} ports from 1 to 65535`;
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
  const range = parseRange(text);
  if (!range) return undefined;
  const { address, bits } = range;
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}/${bits}`;
}

/** An IPv4 range: its first address as a number of 32 bits, and how many of them it fixes. */
interface Range {
  readonly address: number;
  readonly bits: number;
}

function parseRange(text: string): Range | undefined {
  const match = cidrPattern.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((octet) => octet > 255) || bits > 32) return undefined;
  return { address: begin(((a << 24) | (b << 16) | (c << 8) | d) >>> 0, bits), bits };
}

/** The address with all but its first bits zeroed. */
function begin(address: number, bits: number): number {
  // A shift by 32 shifts by nothing.
  return bits === 0 ? 0 : (address & (0xffffffff << (32 - bits))) >>> 0;
}

/** Whether two IPv4 ranges have an address in common; what is none has none. */
export function overlap(one: string, other: string): boolean {
  const [left, right] = [parseRange(one), parseRange(other)];
  if (!left || !right) return false;
  const bits = Math.min(left.bits, right.bits);
  return begin(left.address, bits) === begin(right.address, bits);
}
