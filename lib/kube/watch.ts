import { setTimeout as sleep } from "node:timers/promises";
import { EgressError } from "../errors.ts";
import type { KubeConnection } from "./connection.ts";
import { listAt } from "./list.ts";
import { pathOf, type Resource } from "./objects.ts";
import { advance, freshCursor, goodLifeMs, maxBackoffMs, type WatchAttempt } from "./watch-cursor.ts";
import { parseWatchLine } from "./watch-line.ts";

export interface WatchTarget {
  readonly resource: Resource;
  /** Unset: the whole cluster. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** The server closes the stream after about this long; a connection that died unnoticed is deaf for as long. */
  readonly lifeSeconds: number;
}

/** What a watch tells: the whole collection at its start and after every gap, single changes between. */
export type Seen<T> =
  | { readonly kind: "listed"; readonly objects: readonly T[] }
  | { readonly kind: "added" | "modified" | "deleted"; readonly object: T };

export interface WatchListener<T> {
  /** Called on decode, object by object, so that only the reduced form stays in memory; undefined leaves it out. */
  readonly reduce: (object: unknown) => T | undefined;
  readonly onSeen: (seen: Seen<T>) => void;
  /** Every attempt that did not end as it should; the watch goes on by itself. */
  readonly onTrouble: (trouble: unknown) => void;
  /** The server has answered as it should: a list, a line (a bookmark is one), or the end of a stream that had its time. */
  readonly onHeard?: () => void;
}

/** How much longer than its life a stream may stay open before it is given up as dead. */
const graceMs = 5_000;
/** For the first answer on the next one. */
const openingMs = 10_000;
/** Lives are spread by up to so much, so that streams that were opened together do not all end together. */
const spread = 0.25;

/** For how long a watch that works may say nothing: one stream on which nothing happens, and opening the next. */
export function longestSilenceMs({ lifeSeconds }: WatchTarget): number {
  return lifeSeconds * (1 + spread) * 1_000 + graceMs + maxBackoffMs + openingMs;
}

/** Lists, then watches, until the signal; resumes where it was, lists again where it must, and never gives up. */
export async function watch<T>(
  connection: KubeConnection,
  target: WatchTarget,
  listener: WatchListener<T>,
  signal: AbortSignal,
): Promise<void> {
  let cursor = freshCursor;
  while (!signal.aborted) {
    const startedMs = performance.now();
    const attempt =
      cursor.resourceVersion === undefined
        ? await list(connection, target, listener, signal)
        : await follow(connection, target, cursor.resourceVersion, listener, signal);
    const tookMs = performance.now() - startedMs;
    if (attempt.end === "listed" || (attempt.end === "ended" && tookMs >= goodLifeMs)) listener.onHeard?.();
    const next = advance(cursor, { ...attempt, tookMs }, Math.random());
    cursor = next.cursor;
    if (next.waitMs > 0) await sleep(next.waitMs, undefined, { signal }).catch(() => undefined);
  }
}

type Attempt = Omit<WatchAttempt, "tookMs">;

async function list<T>(
  connection: KubeConnection,
  target: WatchTarget,
  listener: WatchListener<T>,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    const path = pathOf(target.resource, target.namespace);
    const options = { query: selectors(target), signal };
    const { objects, resourceVersion } = await listAt(connection, path, listener.reduce, options);
    if (resourceVersion === undefined) {
      throw new EgressError("api-unavailable", `list ${target.resource.plural}: the answer is no list`);
    }
    listener.onSeen({ kind: "listed", objects });
    return { end: "listed", resourceVersion, lines: 0 };
  } catch (error) {
    if (!signal.aborted) listener.onTrouble(error);
    return { end: reasonOf(error), resourceVersion: undefined, lines: 0 };
  }
}

async function follow<T>(
  connection: KubeConnection,
  target: WatchTarget,
  from: string,
  listener: WatchListener<T>,
  signal: AbortSignal,
): Promise<Attempt> {
  let resourceVersion = from;
  let lines = 0;
  const timeoutSeconds = Math.ceil(target.lifeSeconds * (1 + Math.random() * spread));
  const dead = AbortSignal.timeout(timeoutSeconds * 1000 + graceMs);
  try {
    const stream = connection.stream(
      {
        method: "GET",
        path: pathOf(target.resource, target.namespace),
        query: { ...selectors(target), watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds },
      },
      AbortSignal.any([signal, dead]),
    );
    for await (const text of stream) {
      const line = parseWatchLine(text);
      if (line.kind === "error") throw new EgressError(line.reason, `watch ${target.resource.plural}: ${line.message}`);
      if (line.kind !== "bookmark") {
        const object = listener.reduce(line.object);
        if (object !== undefined) listener.onSeen({ kind: line.kind, object });
      }
      lines++;
      listener.onHeard?.();
      resourceVersion = line.resourceVersion;
    }
    return { end: "ended", resourceVersion, lines };
  } catch (error) {
    if (!signal.aborted) listener.onTrouble(error);
    return { end: dead.aborted ? "silent" : reasonOf(error), resourceVersion, lines };
  }
}

function selectors(target: WatchTarget): { labelSelector: string | undefined; fieldSelector: string | undefined } {
  return { labelSelector: target.labelSelector, fieldSelector: target.fieldSelector };
}

function reasonOf(error: unknown): WatchAttempt["end"] {
  return error instanceof EgressError ? error.reason : "failed";
}
