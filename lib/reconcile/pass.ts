import type { ResultEvent } from "../events/result-event.ts";
import type { Testimony } from "../rollout/attribution.ts";
import type { Condition } from "../rollout/status.ts";

/** What one pass gets from whoever runs it: a function, a laptop, a test. */
export interface PassContext {
  /** Unique per invocation: the Lease's holder. */
  readonly passId: string;
  /** hint: ask whom nobody has asked yet; drift: ask every sidecar, and wait for it also without having written. */
  readonly kind: "hint" | "drift";
  readonly hint: {
    readonly source: string;
    /** Who made the change, of which `resourceVersion` came; without that nobody can tell which change it was. */
    readonly actor?: string;
    readonly resourceVersion?: string;
    /** What the event tells of changes that the history may have already. */
    readonly testimony?: Testimony;
    readonly correlationId: string;
    /** ISO 8601. */
    readonly occurredAt?: string;
  };
  /** What is altered is written back whatever the mesh's mode and backoff say. */
  readonly correct?: boolean;
  /** How long a sidecar is waited for after its own poke; then it is named, and left. Default `defaultPodDeadlineMs`. */
  readonly podDeadlineMs?: number;
  /** Until whoever runs the pass ends it, without any reserve. */
  msLeft(): number;
  /** Result events, in order; awaited. */
  publish(event: ResultEvent): Promise<void>;
  readonly log: PassLog;
}

export interface PassLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface PassOutcome {
  /** out-of-time: the Lease is released; the same event wants another pass. */
  readonly kind: "settled" | "held-by-another" | "superseded" | "out-of-time";
  readonly figures: PassFigures;
  /** No look came to an end: the figures say nothing about the mesh. */
  readonly isBlind?: true;
  /** As the status stands at the end of the pass; absent when every condition is as it is wanted, or nobody looked. */
  readonly unmet?: Condition;
}

export interface PassFigures {
  readonly requests: number;
  readonly writes: number;
  readonly pokes: number;
  readonly asks: number;
  readonly sidecars: number;
  readonly verified: number;
  /** What is altered and not right yet. */
  readonly findings: number;
  /** Since the forwarder was last well; known to drift passes, where one is installed. */
  readonly forwarderSilentMs?: number;
  readonly tookMs: number;
  /** From the first write to the last sidecar's answer; absent when the pass converged nothing. */
  readonly convergeMs?: number;
}
