const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;

/** Suffixes as powers of ten, and of two. */
const tens: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const twos: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/**
 * Whether two Kubernetes quantities are of one amount: `1` and `1000m`, `1Gi` and `1073741824`.
 *
 * @param left, right  as they stand in a manifest, where a number is as good as a text
 * @returns false also where one of them is no quantity
 */
export function isSameAmount(left: unknown, right: unknown): boolean {
  const one = amount(left);
  const other = amount(right);
  return one !== undefined && other !== undefined && one.above * other.below === other.above * one.below;
}

/**
 * A quantity as the API server writes it: cores, or bytes, as near as a number comes.
 *
 * @returns undefined for what is none
 */
export function amountValue(quantity: unknown): number | undefined {
  const fraction = amount(quantity);
  return fraction && Number(fraction.above) / Number(fraction.below);
}

interface Fraction {
  readonly above: bigint;
  readonly below: bigint;
}

function amount(quantity: unknown): Fraction | undefined {
  if (!["string", "number", "bigint"].includes(typeof quantity)) return undefined;
  const match = pattern.exec(String(quantity).trim());
  if (!match) return undefined;
  const [, sign = "", whole = "", part = "", exponent = "0", suffix = ""] = match;
  if (whole + part === "") return undefined;
  const digits = BigInt(`${sign === "-" ? "-" : ""}${whole}${part}`) * 2n ** BigInt(twos[suffix] ?? 0);
  const power = Number(exponent) + (tens[suffix] ?? 0) - part.length;
  const scale = 10n ** BigInt(Math.abs(power));
  return power < 0 ? { above: digits, below: scale } : { above: digits * scale, below: 1n };
}
