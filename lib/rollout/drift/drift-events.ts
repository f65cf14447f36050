import type { Announcements } from "../result-events.ts";
import type { DriftStatus, OpenFinding, PastFinding } from "./drift-status.ts";
import { findingText } from "./finding.ts";

/** Of one event on the bus; the status has them all. */
const maxTold = 20;
const maxTextLength = 256;

/** What has been found, and what has come right, since the record before. */
export function driftAnnouncements(
  before: DriftStatus = {},
  after: DriftStatus = {},
  correlationId: string,
): Announcements {
  const known = new Set([...(before.findings ?? []), ...(before.history ?? [])].map(identity));
  const found = [...(after.findings ?? []), ...(after.history ?? [])].filter((it) => !known.has(identity(it)));
  const told = new Set((before.history ?? []).map(identity));
  const corrected = (after.history ?? []).filter((it) => it.outcome === "Corrected" && !told.has(identity(it)));
  return {
    bus: [
      ...(found.length > 0
        ? [{ detailType: "Egress Drift Found" as const, detail: { correlationId, found: listed(found) } }]
        : []),
      ...(corrected.length > 0
        ? [{ detailType: "Egress Drift Corrected" as const, detail: { correlationId, corrected: listed(corrected) } }]
        : []),
    ],
    kubernetes: [
      ...found.map((it) => ({ type: "Warning" as const, reason: "EgressDriftFound", message: message(it) })),
      ...corrected.map((it) => ({ type: "Normal" as const, reason: "EgressDriftCorrected", message: message(it) })),
    ],
  };
}

type Known = OpenFinding | PastFinding;

function identity({ object, field, foundAt }: Known): string {
  return [object, field, foundAt].join("\n");
}

function listed(findings: readonly Known[]): { readonly object: string; readonly problem: string }[] {
  return findings.slice(0, maxTold).map((finding) => ({
    object: finding.object.slice(0, maxTextLength),
    problem: findingText(finding).slice(0, maxTextLength).toWellFormed(),
  }));
}

function message(finding: Known): string {
  const repair = finding.repair === undefined ? "" : `; to put it right: ${finding.repair}`;
  return `${finding.object}: ${findingText(finding)}${repair}`;
}
