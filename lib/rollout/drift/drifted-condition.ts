import type { Condition } from "../status.ts";
import type { DriftAction, DriftStatus, OpenFinding } from "./drift-status.ts";

const namedFindings = 3;

/** Who must do something comes first. */
const reasons: readonly (readonly [DriftAction, string])[] = [
  ["BackingOff", "BackingOff"],
  ["Detected", "DetectOnly"],
  ["Reported", "NeedsPerson"],
  ["Correcting", "Correcting"],
];

/** True while something was found that is not right yet. */
export function driftedCondition({ findings = [], more = 0 }: DriftStatus): Omit<Condition, "lastTransitionTime"> {
  const type = "Drifted";
  const reason = reasons.find(([action]) => findings.some((finding) => finding.action === action))?.[1];
  if (reason === undefined)
    return { type, status: "False", reason: "AsWanted", message: "nothing altered is known of" };
  const unnamed = findings.length + more - namedFindings;
  const named = findings.slice(0, namedFindings).map(describe).join("; ");
  return { type, status: "True", reason, message: named + (unnamed > 0 ? ` and ${unnamed} more` : "") };
}

function describe({ object, field, by, action, times, nextCorrectionAt }: OpenFinding): string {
  const what = [object, field].filter((it) => it !== "").join(" ") + (by === undefined ? "" : ` by ${by}`);
  if (action !== "BackingOff") return what;
  return `${what}, ${times === 1 ? "undone once" : `undone ${times ?? 0} times`}, written back again after ${nextCorrectionAt}`;
}
