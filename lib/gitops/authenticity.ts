import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Two while one is being exchanged for the other; which of them fits is nobody's business. */
export type Keys = readonly string[];

const signaturePrefix = "sha256=";

/**
 * Flux's `generic-hmac`.
 *
 * @param header  `X-Signature`: `sha256=` and the hex HMAC-SHA256 of the raw body
 */
export function isSigned(body: Buffer, header: string | undefined, keys: Keys): boolean {
  if (header === undefined || !/^sha256=[0-9a-f]{64}$/i.test(header)) return false;
  const given = Buffer.from(header.slice(signaturePrefix.length), "hex");
  return anyOf(keys, (key) => timingSafeEqual(given, createHmac("sha256", key).update(body).digest()));
}

/** For senders that cannot sign. @param header  `Authorization`: `Bearer ` and the token */
export function hasToken(header: string | undefined, tokens: Keys): boolean {
  const given = /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
  if (given === undefined) return false;
  // Of their digests, which are of one length.
  return anyOf(tokens, (token) => timingSafeEqual(digest(given), digest(token)));
}

/** Every one is tried, whichever fits: the time that it takes tells nothing. */
function anyOf(keys: Keys, fits: (key: string) => boolean): boolean {
  return keys
    .filter((key) => key !== "")
    .map(fits)
    .includes(true);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
