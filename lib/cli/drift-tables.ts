import type { OpenFinding, PastFinding } from "../rollout/drift/drift-status.ts";
import type { Finding } from "../rollout/drift/finding.ts";
import { tableText } from "./output.ts";

const what = ["OBJECT", "FIELD", "WANTED", "FOUND", "BY", "SINCE"] as const;

/** What is not right yet, with what becomes of it or what to do. */
export function findingsTable(findings: readonly OpenFinding[]): string {
  return tableText(
    [...what, "WHAT NOW"],
    findings.map((finding) => [...cells(finding), whatNow(finding)]),
  );
}

/** What has come right since. */
export function pastFindingsTable(findings: readonly PastFinding[]): string {
  return tableText(
    [...what, "ENDED", "OUTCOME"],
    findings.map((finding) => [
      ...cells(finding),
      finding.endedAt,
      finding.outcome.toLowerCase() + ((finding.times ?? 0) > 1 ? `, ${finding.times} times` : ""),
    ]),
  );
}

function cells({ object, field, wanted, found, by, since }: Finding): string[] {
  return [object, field, wanted, found, by ?? "", since.before];
}

function whatNow({ action, repair, times, nextCorrectionAt }: OpenFinding): string {
  switch (action) {
    case "Correcting":
      return "written back, sidecars are asked";
    case "BackingOff":
      return `undone ${times ?? 1} times, written back after ${nextCorrectionAt ?? "a while"}`;
    case "Detected":
    case "Reported":
      return repair ?? "";
  }
}
