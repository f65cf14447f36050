/** As the MeshInjection CRD bounds them. */
const maxQuantityLength = 20;
const quantityPattern = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;

const factors: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity as a number: cores, or bytes. @returns undefined for a text that is none, or too long */
export function quantityValue(text: string): number | undefined {
  const [, digits, suffix = ""] = (text.length <= maxQuantityLength && quantityPattern.exec(text)) || [];
  return digits === undefined ? undefined : Number(digits) * (factors[suffix] ?? 1);
}

/** @returns false also where one of them is no quantity */
export function isAbove(left: string, right: string): boolean {
  return (quantityValue(left) ?? Number.NaN) > (quantityValue(right) ?? Number.NaN);
}
