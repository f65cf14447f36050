import type { BenchMesh } from "./bench-mesh.ts";
import type { Progress } from "./progress.ts";
import type { Row } from "./row.ts";

/** What one run lends to its scenarios. */
export interface Run {
  /** How often everything is to be done, if it was said. */
  readonly rounds: number | undefined;
  readonly progress: Progress;
  /** The mesh of real pods: started when first asked for, and the same for all. It is at rest with egress off. */
  realMesh(): Promise<BenchMesh>;
}

export interface Measured {
  readonly rows: readonly Row[];
  /** What a reader of the figures must know. */
  readonly notes?: readonly string[];
  /** The same for programs, where rows do not do: into the report as JSON. */
  readonly found?: unknown;
}

/** Figures that are measured together. */
export interface Scenario {
  /** As `--only` takes it. */
  readonly name: string;
  readonly title: string;
  /** Left out unless it is named. */
  readonly onlyWhenAsked?: true;
  measure(run: Run): Promise<Measured>;
}
