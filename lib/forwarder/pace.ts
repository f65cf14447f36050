/**
 * When changes are sent. Those of osm-config at once, each on its own. All others share one bucket: the first after a
 * quiet time at once, then one a second, of pods less in a large mesh, for as long as they keep coming; an event stands
 * for every change before it. A start sends one event. Times are milliseconds of a clock that never goes back.
 */
export const bucketMs = 1_000;
export const longestBucketMs = 5_000;
const podShareMs = 0.5;

/**
 * How long a change of a pod waits after an event. Every event costs a pass, and a pass a list of the whole mesh: that of
 * ten thousand pods takes an API server more than a second, and while pods come it would get nothing else done. What makes
 * other pods start, a new account above all, does not wait for that.
 *
 * @param objects  of the mesh, as far as they are known
 */
export function podBucketMs(objects: number): number {
  return Math.min(longestBucketMs, Math.max(bucketMs, objects * podShareMs));
}

/** How long a start waits for the slowest of its first lists; one that comes later is told like any other list. */
export const startPatienceMs = 1_000;

export interface Pace<C> {
  /** While starting: the watches that are not listed yet, how long they are waited for, and what is sent then. */
  readonly start: { readonly awaited: ReadonlySet<string>; readonly untilMs: number; readonly change: C } | undefined;
  /** The first change that came after the bucket's last event; and the most urgent one's wait after that event. */
  readonly waiting: { readonly change: C; readonly bucketMs: number } | undefined;
  /** When the bucket's last event went. */
  readonly sentMs: number;
}

/** Something that a watch told. */
export interface Arrival<C> {
  readonly watch: string;
  /** The whole collection, at the start or after a gap. */
  readonly listed: boolean;
  /** It concerns osm-config. */
  readonly urgent: boolean;
  /** So long after the bucket's last event it goes at the earliest, where it is not urgent. */
  readonly bucketMs: number;
  readonly change: C;
}

export interface Step<C> {
  readonly pace: Pace<C>;
  readonly send: readonly { readonly change: C; readonly urgent: boolean }[];
}

/**
 * @param watches  whose first lists make up the start
 * @param change   what the start tells, unless an urgent list knows better
 */
export function startPace<C>(watches: Iterable<string>, change: C, nowMs: number): Pace<C> {
  return {
    start: { awaited: new Set(watches), untilMs: nowMs + startPatienceMs, change },
    waiting: undefined,
    sentMs: Number.NEGATIVE_INFINITY,
  };
}

export function offer<C>(pace: Pace<C>, arrival: Arrival<C>, nowMs: number): Step<C> {
  const { change, urgent, bucketMs } = arrival;
  if (pace.start && arrival.listed && pace.start.awaited.has(arrival.watch)) {
    const awaited = new Set(pace.start.awaited);
    awaited.delete(arrival.watch);
    return tick({ ...pace, start: { ...pace.start, awaited, change: urgent ? change : pace.start.change } }, nowMs);
  }
  if (urgent) return { pace, send: [{ change, urgent }] };
  const { waiting = { change, bucketMs } } = pace;
  return tick({ ...pace, waiting: { ...waiting, bucketMs: Math.min(waiting.bucketMs, bucketMs) } }, nowMs);
}

/** Sends what is due. Call it at `dueMs`; early and needless calls change nothing. */
export function tick<C>(pace: Pace<C>, nowMs: number): Step<C> {
  const { start, waiting } = pace;
  if (start) {
    if (start.awaited.size > 0 && nowMs < start.untilMs) return { pace, send: [] };
    // What waited came before this event, which stands for it.
    return {
      pace: { start: undefined, waiting: undefined, sentMs: nowMs },
      send: [{ change: start.change, urgent: true }],
    };
  }
  if (waiting === undefined || nowMs < pace.sentMs + waiting.bucketMs) return { pace, send: [] };
  return {
    pace: { ...pace, waiting: undefined, sentMs: nowMs },
    send: [{ change: waiting.change, urgent: false }],
  };
}

/** When `tick` has something to do next; undefined = nothing waits. */
export function dueMs<C>(pace: Pace<C>): number | undefined {
  if (pace.start) return pace.start.untilMs;
  return pace.waiting === undefined ? undefined : pace.sentMs + pace.waiting.bucketMs;
}
