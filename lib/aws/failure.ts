import { EgressError, type Reason } from "../errors.ts";

/** Not ExpiredToken: the next try, or the next function, has a new one. */
const forbidden =
  /AccessDenied|NotAuthorized|UnrecognizedClient|InvalidClientTokenId|SignatureDoesNotMatch|InvalidToken/;

/** What an SDK call that failed means to a pass; the SDK has already tried three times. */
export function awsFailure(what: string, cause: unknown): EgressError {
  const name = cause instanceof Error ? cause.name : "";
  const message = cause instanceof Error ? cause.message : String(cause);
  return new EgressError(reasonOf(name), `${what}: ${name} ${message}`.trim(), cause);
}

/** Also for the error codes of single entries in a batch. */
export function reasonOf(name: string): Reason {
  return forbidden.test(name) ? "aws-forbidden" : "aws-unavailable";
}

/** For every client: a pass has 60 s, a call that hangs must not eat them. Without the last word it would only be warned of. */
export const clientOptions = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
} as const;
