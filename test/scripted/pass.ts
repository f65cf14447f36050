import { EgressError } from "#lib/errors.ts";
import type { PassContext, PassOutcome } from "#lib/reconcile/pass.ts";
import { reconcileCluster } from "#lib/reconcile/reconcile-cluster.ts";
import type { Testimony } from "#lib/rollout/attribution.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { type Fates, Killed, scriptedPorts } from "./ports.ts";

export interface PassOptions {
  readonly kind?: "hint" | "drift";
  readonly correct?: boolean;
  /** What whoever runs the pass gives it. */
  readonly budgetMs?: number;
  readonly podDeadlineMs?: number;
  readonly fates?: Fates;
  readonly testimony?: Testimony;
  /** What the bus answers to an event, the first time and later. */
  readonly publish?: (detailType: string, tries: number) => void;
}

let passes = 0;

/** Starts a pass; only the cluster's clock brings it on. */
export function startPass(cluster: ScriptedCluster, options: PassOptions = {}): Promise<PassOutcome> {
  const startedMs = cluster.clock.nowMs();
  const passId = `pass-${++passes}`;
  const published = new Map<string, number>();
  const context: PassContext = {
    passId,
    kind: options.kind ?? "hint",
    ...(options.correct === undefined ? {} : { correct: options.correct }),
    hint: {
      source: "osm.forwarder",
      correlationId: passId,
      ...(options.testimony === undefined ? {} : { testimony: options.testimony }),
    },
    ...(options.podDeadlineMs === undefined ? {} : { podDeadlineMs: options.podDeadlineMs }),
    msLeft: () => (options.budgetMs ?? 60_000) - (cluster.clock.nowMs() - startedMs),
    publish: async (event) => {
      const tries = (published.get(event.detailType) ?? 0) + 1;
      published.set(event.detailType, tries);
      options.publish?.(event.detailType, tries);
      cluster.writes.push(`publish ${event.detailType}`);
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  return reconcileCluster(scriptedPorts(cluster, passId, options.fates), context);
}

export function runPass(cluster: ScriptedCluster, options: PassOptions = {}): Promise<PassOutcome> {
  return cluster.clock.run(startPass(cluster, options));
}

/** What a pass wrote, in order. */
export async function writesOf(cluster: ScriptedCluster, options: PassOptions = {}): Promise<readonly string[]> {
  cluster.writes = [];
  await runPass(cluster, options);
  return cluster.writes;
}

/** For a pass that need not finish: the script has killed it, or it says why it could not. @throws everything else */
export function unfinished(error: unknown): undefined {
  if (!(error instanceof Killed) && !(error instanceof EgressError)) throw error;
}
