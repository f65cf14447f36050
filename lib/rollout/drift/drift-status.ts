import type { Finding } from "./finding.ts";

/** `EgressRollout.status.drift`: what was found altered, what became of it, and when somebody last looked. */
export interface DriftStatus {
  /** End of the last drift pass; RFC 3339, as all times here. */
  readonly checkedAt?: string;
  /** Found and not right yet: at most 80 that the reconciler is concerned with, oldest first, then at most 20 others. */
  readonly findings?: readonly OpenFinding[];
  /** How many of the others there are besides. */
  readonly more?: number;
  /** What has come right since, newest first, at most 20. */
  readonly history?: readonly PastFinding[];
}

/**
 * Correcting: written back, and its sidecars are being asked. Unproven: the same, where it called itself the wanted version:
 * it is written back under another one until every sidecar has shown that one. BackingOff: undone before, and left until
 * `nextCorrectionAt`. Detected: left, because the mesh only detects. Reported: nothing that the reconciler may change.
 */
export type DriftAction = "Correcting" | "Unproven" | "BackingOff" | "Detected" | "Reported";

interface Recorded extends Finding {
  readonly foundAt: string;
  /** How often it was written back without staying right in between. */
  readonly times?: number;
  /** When it was last. */
  readonly correctedAt?: string;
}

export interface OpenFinding extends Recorded {
  readonly action: DriftAction;
  readonly nextCorrectionAt?: string;
  /** What that other version is made with. */
  readonly proof?: string;
}

export interface PastFinding extends Recorded {
  readonly endedAt: string;
  /** Gone: somebody else has put it right, or it is no longer there. */
  readonly outcome: "Corrected" | "Gone";
}

export const maxOwnFindings = 80;
export const maxReportedFindings = 20;
export const maxPastFindings = 20;
