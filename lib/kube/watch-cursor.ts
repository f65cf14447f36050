import type { Reason } from "../errors.ts";

/** Where a watch stands between two attempts. */
export interface WatchCursor {
  /** The last version that the API server told; undefined = list before watching. */
  readonly resourceVersion: string | undefined;
  /** Attempts in a row that brought nothing. */
  readonly failures: number;
}

export const freshCursor: WatchCursor = { resourceVersion: undefined, failures: 0 };

/** How one attempt (a list, or one stream) ended. */
export interface WatchAttempt {
  /** `ended`: the server closed the stream in its own time. Otherwise why not. */
  readonly end: "listed" | "ended" | "silent" | "failed" | Reason;
  /** The last version seen in the attempt, or the one that it started from. */
  readonly resourceVersion: string | undefined;
  /** Lines that arrived, bookmarks included. */
  readonly lines: number;
  readonly tookMs: number;
}

/** A stream that lived this long was a good one, though nothing happened on it. */
export const goodLifeMs = 5_000;
/** Two attempts never begin closer together than this, whatever ended the first: no fault may make the loop spin. */
export const minSpacingMs = 200;
export const firstBackoffMs = 200;
/** Low, because a quiet watch is a deaf one: a change of the switch waits for it. */
export const maxBackoffMs = 5_000;

/**
 * Where to go on, and how long to wait before.
 *
 * @param jitter  0 to 1; a backoff is between half of its length and all of it
 */
export function advance(
  cursor: WatchCursor,
  attempt: WatchAttempt,
  jitter: number,
): { readonly cursor: WatchCursor; readonly waitMs: number } {
  if (attempt.end === "listed") {
    // The count stays: a server that lists but then refuses every watch must not be listed in a tight circle.
    return { cursor: { resourceVersion: attempt.resourceVersion, failures: cursor.failures }, waitMs: 0 };
  }
  const good = attempt.lines > 0 || attempt.tookMs >= goodLifeMs;
  const failures = (good ? 0 : cursor.failures) + (good && isOrdinary(attempt.end) ? 0 : 1);
  const backoffMs = failures === 0 ? 0 : Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 10));
  return {
    cursor: {
      resourceVersion: attempt.end === "version-expired" ? undefined : attempt.resourceVersion,
      failures,
    },
    waitMs: Math.max(backoffMs * (0.5 + jitter / 2), minSpacingMs - attempt.tookMs, 0),
  };
}

/** Ends that a healthy server brings about: go on at once. */
function isOrdinary(end: WatchAttempt["end"]): boolean {
  return end === "ended" || end === "version-expired";
}
