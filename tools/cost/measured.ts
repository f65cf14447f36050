/** What `npm run bench -- --only cost` found, as measured.json keeps it: medians of its rounds. */
export interface Measured {
  /** Of the checkout that was measured. */
  readonly commit: string;
  readonly sidecars: number;
  readonly occasions: Readonly<Record<OccasionName, Occasion>>;
  readonly metrics: {
    /** Custom metrics that every drift check writes, and so in every hour. */
    readonly always: MetricNames;
    /** Those that only a change of the switch writes. */
    readonly whenChanged: MetricNames;
  };
}

export const occasionNames = ["driftCheck", "toOn", "toOff", "hint", "webhook", "auditLog"] as const;
export type OccasionName = (typeof occasionNames)[number];

/** Metrics by name: one with dimension `cluster` is there once for each of them. */
export interface MetricNames {
  readonly byCluster: readonly string[];
  readonly overAll: readonly string[];
}

/** What one thing that happens to one cluster sets in motion, to its end. */
export interface Occasion {
  /** Events put on the bus, by whomever. */
  readonly events: number;
  readonly functions: Readonly<Record<string, FunctionUse>>;
  /** Calls of AWS APIs, as `who service:Action`. */
  readonly calls: Readonly<Record<string, number>>;
}

/** Of all invocations together. */
export interface FunctionUse {
  readonly invocations: number;
  readonly billedMs: number;
  readonly memoryMiB: number;
  readonly logBytes: number;
}
