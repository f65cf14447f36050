import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** What one line of the gate brought. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Why each skipped test was skipped, as far as it says. */
  readonly skipped: readonly string[];
  /** Each failed test with its file and the beginning of its error: the log of a whole run is long, and often cut. */
  readonly failures?: readonly string[];
  readonly tookMs: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/**
 * Counts a vitest run. A file that could not be loaded has no tests and counts as one failure, and so does a run that
 * failed without saying where: an unhandled rejection, a set-up that broke, a missing report.
 *
 * @param exitCode  of vitest; null when a signal or our own time limit ended it
 */
export function countTests(reportText: string | undefined, exitCode: number | null, tookMs: number): Tally {
  const report = reportText === undefined ? undefined : (JSON.parse(reportText) as Report);
  if (!report) return { passed: 0, failed: 1, skipped: [], tookMs };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((one) => one.status === "failed"),
  );
  const named = report.numFailedTests + brokenFiles.length;
  const skipped = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status !== "passed" && status !== "failed").map(({ fullName }) => fullName),
  );
  const failed = named === 0 && (exitCode !== 0 || !report.success) ? 1 : named;
  const failures = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ fullName, failureMessages }) => failure(name, fullName, failureMessages?.[0])),
  );
  const broken = brokenFiles.map(({ name, message }) => failure(name, "the file itself", message));
  return { passed: report.numPassedTests, failed, skipped, failures: [...failures, ...broken], tookMs };
}

const maxErrorLength = 600;

function failure(file: string, test: string, error = ""): string {
  // Where it was is in the log, and in the report.
  const [said = ""] = error.split(/\n\s+at /);
  return `${basename(file)} > ${test}: ${said.slice(0, maxErrorLength)}`;
}

export function readReport(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The whole run. @param skipsFail  in CI a test that did not run is a failure */
export function total(
  tallies: readonly Tally[],
  skipsFail: boolean,
): { readonly passed: number; readonly failed: number } {
  const sum = (pick: (tally: Tally) => number) => tallies.reduce((all, tally) => all + pick(tally), 0);
  return {
    passed: sum((tally) => tally.passed),
    failed: sum((tally) => tally.failed) + (skipsFail ? sum((tally) => tally.skipped.length) : 0),
  };
}
