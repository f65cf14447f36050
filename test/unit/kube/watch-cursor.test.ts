import { describe, expect, test } from "vitest";
import { advance, goodLifeMs, maxBackoffMs, minSpacingMs, type WatchAttempt } from "#lib/kube/watch-cursor.ts";

const atRest: WatchAttempt = { end: "ended", resourceVersion: "9", lines: 0, tookMs: goodLifeMs };

describe("after an attempt", () => {
  test.each<[what: string, attempt: Partial<WatchAttempt>, failures: number, from: string | undefined, waitMs: number]>(
    [
      ["a stream that ended after its life goes on at once", {}, 0, "9", 0],
      ["one that ended a little early counts", { tookMs: goodLifeMs - 1 }, 1, "9", 200],
      ["one that brought a line is good, however short", { lines: 1, tookMs: 500 }, 0, "9", 0],
      ["a good one still keeps its distance", { lines: 1, tookMs: 50 }, 0, "9", minSpacingMs - 50],
      ["410 lists again", { end: "version-expired" }, 0, undefined, 0],
      ["410 on the first breath lists again, later", { end: "version-expired", tookMs: 300 }, 1, undefined, 200],
      ["a cut resumes where it was", { end: "failed", lines: 3 }, 1, "9", 200],
      ["a dead stream resumes where it was", { end: "silent", tookMs: 70_000 }, 1, "9", 200],
      ["a refusal resumes where it was", { end: "api-forbidden", tookMs: 1 }, 1, "9", 200],
      [
        "a list that failed is a list again",
        { end: "failed", resourceVersion: undefined, tookMs: 9 },
        1,
        undefined,
        200,
      ],
    ],
  )("%s", (_what, attempt, failures, from, waitMs) => {
    const next = advance({ resourceVersion: "7", failures: 0 }, { ...atRest, ...attempt }, 1);
    expect(next).toEqual({ cursor: { resourceVersion: from, failures }, waitMs });
  });

  test("failures in a row wait longer, up to the limit", () => {
    const refused: WatchAttempt = { ...atRest, end: "api-unavailable", tookMs: 0 };
    let cursor = { resourceVersion: undefined as string | undefined, failures: 0 };
    const waits = Array.from({ length: 8 }, () => {
      const next = advance(cursor, refused, 1);
      cursor = next.cursor;
      return next.waitMs;
    });
    expect(waits).toEqual([200, 400, 800, 1600, 3200, maxBackoffMs, maxBackoffMs, maxBackoffMs]);
  });

  test("a list that works does not forgive watches that never do", () => {
    const listed = advance({ resourceVersion: undefined, failures: 6 }, { ...atRest, end: "listed" }, 1);
    expect(listed).toEqual({ cursor: { resourceVersion: "9", failures: 6 }, waitMs: 0 });
    const refused = advance(listed.cursor, { ...atRest, end: "version-expired", tookMs: 1 }, 1);
    expect(refused).toEqual({ cursor: { resourceVersion: undefined, failures: 7 }, waitMs: maxBackoffMs });
  });

  test("jitter halves at most, and never below the spacing", () => {
    const failed: WatchAttempt = { ...atRest, end: "failed", tookMs: 0 };
    expect(advance({ resourceVersion: "7", failures: 3 }, failed, 0).waitMs).toBe(800);
    expect(advance({ resourceVersion: "7", failures: 0 }, failed, 0).waitMs).toBe(minSpacingMs);
  });
});
