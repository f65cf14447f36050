import type { RolloutStatus } from "#lib/rollout/status.ts";

interface Happening {
  readonly atMs: number;
  readonly pass: string;
}

/** A write to a sidecar's ConfigMap that the API server took. */
export interface ConfigWritten extends Happening {
  readonly kind: "config written";
  /** `namespace/name`. */
  readonly object: string;
  readonly fencing: number;
  readonly egress: boolean;
  /** Other bytes than before; else only the number is new. */
  readonly isChange: boolean;
}

/** A Lease taken, with the number that came with it. */
export interface LeaseTaken extends Happening {
  readonly kind: "lease taken";
  readonly fencing: number;
  /** It was missing, or its holder had let it expire. */
  readonly wasBroken: boolean;
}

export type Entry =
  | ConfigWritten
  | LeaseTaken
  /** Also of a number below the one there: what the API server refused. */
  | (Happening & { readonly kind: "config refused"; readonly object: string; readonly fencing: number })
  | (Happening & { readonly kind: "config deleted"; readonly object: string })
  | (Happening & { readonly kind: "status written"; readonly status: RolloutStatus })
  | (Happening & { readonly kind: "called"; readonly verb: string; readonly object: string })
  | (Happening & { readonly kind: "announced"; readonly detailType: string })
  /** A message given to a pass: for the how manieth time. */
  | (Happening & { readonly kind: "delivered"; readonly message: string; readonly receiveCount: number })
  | (Happening & { readonly kind: "ended"; readonly how: "done" | "failed" | "killed"; readonly message: string })
  | (Happening & { readonly kind: "died"; readonly message: string; readonly problem: string });

/** What has happened, in order: what was lost and what came twice is counted from it. */
export class Journal {
  readonly entries: Entry[] = [];

  write(entry: Entry): void {
    this.entries.push(entry);
  }

  of<K extends Entry["kind"]>(kind: K): readonly Extract<Entry, { readonly kind: K }>[] {
    return this.entries.filter((entry): entry is Extract<Entry, { readonly kind: K }> => entry.kind === kind);
  }

  /** Forgets what led to where a test begins. */
  clear(): void {
    this.entries.length = 0;
  }
}
