import { expect, test } from "vitest";
import { countTests, total } from "../../../tools/test-report.ts";

const one = (status: string) => ({ status, fullName: `a ${status} one` });
const report = (...files: { status?: string; tests: string[] }[]) => {
  const testResults = files.map(({ status, tests }) => ({
    name: "file",
    status: status ?? (tests.includes("failed") ? "failed" : "passed"),
    assertionResults: tests.map(one),
  }));
  const count = (wanted: string) => files.flatMap(({ tests }) => tests).filter((status) => status === wanted).length;
  const success = testResults.every(({ status }) => status === "passed");
  return JSON.stringify({ success, numPassedTests: count("passed"), numFailedTests: count("failed"), testResults });
};

test.each<
  [what: string, text: string | undefined, code: number | null, passed: number, failed: number, skipped: number]
>([
  ["all pass", report({ tests: ["passed", "passed"] }), 0, 2, 0, 0],
  ["one fails", report({ tests: ["passed", "failed"] }), 1, 1, 1, 0],
  ["one is skipped", report({ tests: ["passed", "pending"] }), 0, 1, 0, 1],
  ["one is to do", report({ tests: ["todo"] }), 0, 0, 0, 1],
  ["a file does not load", report({ tests: ["passed"] }, { status: "failed", tests: [] }), 1, 1, 1, 0],
  ["a set-up breaks and skips its tests", report({ status: "failed", tests: ["skipped"] }), 1, 0, 1, 1],
  ["all pass, but something else broke", report({ tests: ["passed"] }), 1, 1, 1, 0],
  ["it was ended", report({ tests: ["passed"] }), null, 1, 1, 0],
  ["there is no report", undefined, 0, 0, 1, 0],
])("%s", (_what, text, code, passed, failed, skipped) => {
  const { failures: _, ...tally } = countTests(text, code, 1);
  expect({ ...tally, skipped: tally.skipped.length }).toEqual({ passed, failed, skipped, tookMs: 1 });
});

test("each failure is named, with its file and what it said, without where", () => {
  const testResults = [
    {
      name: "/there/mesh.test.ts",
      status: "failed",
      assertionResults: [
        { status: "passed", fullName: "good" },
        { status: "failed", fullName: "bad", failureMessages: ["Error: not within 5 s\n    at here (file:1:2)"] },
      ],
    },
    { name: "/there/broken.test.ts", status: "failed", message: "no such module", assertionResults: [] },
  ];
  const text = JSON.stringify({ success: false, numPassedTests: 1, numFailedTests: 1, testResults });
  expect(countTests(text, 1, 1).failures).toEqual([
    "mesh.test.ts > bad: Error: not within 5 s",
    "broken.test.ts > the file itself: no such module",
  ]);
});

test("a skipped test fails in CI and nowhere else", () => {
  const tallies = [
    { passed: 2, failed: 1, skipped: ["a", "b"], tookMs: 1 },
    { passed: 3, failed: 0, skipped: [], tookMs: 1 },
  ];
  expect(total(tallies, false)).toEqual({ passed: 5, failed: 1 });
  expect(total(tallies, true)).toEqual({ passed: 5, failed: 3 });
});
