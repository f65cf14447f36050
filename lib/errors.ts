/**
 * What to do about a pass that could not finish, by reason. The queue reads it: `never` goes to the dead letters at once,
 * the others come back with the same message.
 */
export const retryPolicy = {
  "settings-invalid": "never", //      our deployment is wrong; fail the cold start
  "event-malformed": "never", //       the sender is wrong
  "api-forbidden": "never", //         RBAC or a policy is wrong; a retry cannot fix it
  "api-unauthenticated": "backoff", // 401, or no credentials to be had: they expired, and the next try has new ones
  "api-invalid": "never", //           the API server refuses what we wrote; a bug of ours
  "object-missing": "re-observe", //   404 on something that was there
  "object-conflict": "re-observe", //  409: somebody else wrote first
  "version-expired": "re-observe", //  410: a watch or a page asked for a version that the API server has forgotten
  "namespace-terminating": "re-observe", // its objects are going; the next look does not see it
  "api-unavailable": "backoff", //     429, 5xx, network, deadline
  "cluster-unknown": "never", //       DescribeCluster knows no such cluster
  "aws-unavailable": "backoff", //     throttling, 5xx, network, credentials that expired under way
  "aws-forbidden": "never", //         IAM is wrong
} as const satisfies Record<string, "never" | "re-observe" | "backoff">;

export type Reason = keyof typeof retryPolicy;

/** A pass could not finish. Expected states (rejected, halted, held by another) are results, never this. */
export class EgressError extends Error {
  readonly reason: Reason;

  /** @param what  what failed and where, e.g. `PATCH ConfigMap shop/osm-sidecar.web: 403 …`; no secrets */
  constructor(reason: Reason, what: string, cause?: unknown) {
    super(`[${reason}] ${what}`, { cause });
    this.name = "EgressError";
    this.reason = reason;
  }

  /** The message without its reason. */
  get what(): string {
    return this.message.slice(`[${this.reason}] `.length);
  }

  get retry(): (typeof retryPolicy)[Reason] {
    return retryPolicy[this.reason];
  }
}

/**
 * An error of the network, of TLS or of a program, in one line for a message: its code, where the message has not got
 * it, and the message.
 */
export function causeText(cause: unknown): string {
  // Tried addresses one by one: each error has its own words, the sum has none.
  if (cause instanceof AggregateError && cause.message === "") return cause.errors.map(causeText).join("; ");
  if (!(cause instanceof Error)) return String(cause);
  // It quotes what could not be read, and that may be a token.
  if (cause instanceof SyntaxError) return "not JSON";
  const line = cause.message.trim().replaceAll(/\s+/g, " ").slice(0, 300);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return line.includes(code) ? line : `${code}: ${line}`;
}
