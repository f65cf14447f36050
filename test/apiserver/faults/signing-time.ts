import type { AwsFault } from "./aws-fault.ts";

/** By how much the time of a signature may be off, either way: AWS takes no call that is older, or from further ahead. */
const toleranceMs = 5 * 60_000;
/** So long after its signing EKS takes a token. */
const tokenMs = 15 * 60_000;

/** When something was signed, by its signer's clock. @param date  as `X-Amz-Date` has it: `20261120T100000Z` */
function signedMs(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

/** AWS' answer where a call was signed too early or too late. @param date  the header `x-amz-date` */
export function skewError(date: string | readonly string[] | undefined): AwsFault | undefined {
  const isInTime = Math.abs(Date.now() - signedMs(String(date))) <= toleranceMs;
  return isInTime ? undefined : { kind: "error", status: 403, code: "InvalidSignatureException" };
}

/** EKS takes a token with this `X-Amz-Date` now. */
export function isTokenInTime(date: string): boolean {
  const ageMs = Date.now() - signedMs(date);
  return ageMs >= -toleranceMs && ageMs <= tokenMs;
}
