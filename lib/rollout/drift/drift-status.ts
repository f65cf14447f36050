import type { Finding } from "./finding.ts";

/** `EgressRollout.status.drift`: what was found altered, what became of it, and when somebody last looked. */
export interface DriftStatus {
  /** End of the last drift pass; RFC 3339, as all times here. */
  readonly checkedAt?: string;
  /** Found and not right yet, oldest first, at most 20. */
  readonly findings?: readonly OpenFinding[];
  /** How many there are besides. */
  readonly more?: number;
  /** What has come right since, newest first, at most 20. */
  readonly history?: readonly PastFinding[];
}

/**
 * Correcting: written back, and its sidecars are being asked. BackingOff: undone before, and left until
 * `nextCorrectionAt`. Detected: left, because the mesh only detects. Reported: nothing that the reconciler may change.
 */
export type DriftAction = "Correcting" | "BackingOff" | "Detected" | "Reported";

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
}

export interface PastFinding extends Recorded {
  readonly endedAt: string;
  /** Gone: somebody else has put it right, or it is no longer there. */
  readonly outcome: "Corrected" | "Gone";
}

export const maxFindings = 20;
export const maxPastFindings = 20;
