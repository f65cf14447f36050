import { randomUUID } from "node:crypto";
import { objectChanged } from "../events/hint-event.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { longestSilenceMs, type Seen, watch } from "../kube/watch.ts";
import { type MeshPlace, meshPlace, osmConfigName } from "../mesh/names.ts";
import { type DeliveryFigures, type SendEvents, startDelivery } from "./delivery.ts";
import { Health } from "./health.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { type Change, openLedger } from "./ledger.ts";
import { bucketMs, dueMs, offer, podBucketMs, type Step, startPace, tick } from "./pace.ts";
import { reduceObject, type SeenObject } from "./seen-object.ts";
import { type Watched, watchedIn } from "./watched.ts";

export interface ForwarderPorts {
  readonly connection: KubeConnection;
  /** Its name in the events. */
  readonly cluster: string;
  /** Absent: the usual names. */
  readonly place?: MeshPlace;
  readonly send: SendEvents;
  /** Says in the cluster that the forwarder is well. Absent: nobody is told. */
  readonly renew?: () => Promise<void>;
  readonly log: ForwarderLog;
}

export interface ForwarderLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

/** Between two lines in the log that say how it is. */
export const heartbeatMs = 60_000;
/** For the last events when the forwarder is told to stop; below the 30 s that a pod gets. */
export const farewellMs = 5_000;

/**
 * Watches what concerns the mesh and sends an event for it, until the signal. Whatever fails is tried again: the watches
 * by themselves, the events until they are in. What happens while it is not running is made good by the event that every
 * start sends.
 */
export async function forward(ports: ForwarderPorts, signal: AbortSignal): Promise<void> {
  const { connection, cluster, log, place = meshPlace } = ports;
  const watched = watchedIn(place);
  const start: Change = { kind: "ConfigMap", namespace: place.osmNamespace, name: osmConfigName };
  const ledger = openLedger(start);
  const delivery = startDelivery(
    ports.send,
    (trouble, events) => log.warn("events not in, sending them again", { events, ...troubleFields(trouble) }),
    (events, tookMs) => log.info("events in", { events, tookMs }),
  );
  let pace = startPace(
    watched.map(({ kind }) => kind),
    start,
    performance.now(),
  );
  let timer: NodeJS.Timeout | undefined;

  function take(step: Step<Change>): void {
    pace = step.pace;
    for (const { change, urgent } of step.send) {
      const id = randomUUID();
      delivery.post(
        objectChanged({ id, version: 1, cluster, time: new Date().toISOString() }, eventOf(change)),
        urgent,
      );
      log.info("forwarding", { ...change, correlationId: id });
    }
    clearTimeout(timer);
    const due = dueMs(pace);
    // Rounded up: a timer that fires early would find nothing due and be set again.
    if (due !== undefined)
      timer = setTimeout(() => take(tick(pace, performance.now())), Math.ceil(due - performance.now()));
  }

  function onSeen(kind: Watched["kind"], seen: Seen<SeenObject>): void {
    if (signal.aborted) return;
    const change = ledger.see(kind, seen);
    if (change === undefined) return;
    const listed = seen.kind === "listed";
    const waitMs = kind === "Pod" ? podBucketMs(ledger.size) : bucketMs;
    const arrival = { watch: kind, listed, urgent: kind === "ConfigMap", bucketMs: waitMs, change };
    take(offer(pace, arrival, performance.now()));
  }

  const health = new Health(new Map(watched.map(({ kind, target }) => [kind, longestSilenceMs(target)])));
  const ailments = () => health.ailments(performance.now(), delivery.unsentMs());
  const stopHeartbeat = startHeartbeat({
    ailments,
    renew: ports.renew ?? (async () => undefined),
    onTurn: (now) => (now.length === 0 ? log.info("well again") : log.warn("not well", { ailments: now })),
    onTrouble: (trouble) => log.warn("heartbeat not taken", troubleFields(trouble)),
  });
  const heartbeat = setInterval(
    () => log.info("heartbeat", { ...heartbeatFields(delivery.figures(), ledger.size), ailments: ailments() }),
    heartbeatMs,
  );
  take({ pace, send: [] });
  // Every watch ends with the signal, and with nothing else.
  await Promise.all(
    watched.map(({ kind, target }) =>
      watch(
        connection,
        target,
        {
          reduce: (object) => reduceObject(kind, object),
          onSeen: (seen) => onSeen(kind, seen),
          onTrouble: (trouble) => log.warn("watch interrupted", { watch: kind, ...troubleFields(trouble) }),
          onHeard: () => health.hear(kind, performance.now()),
        },
        signal,
      ),
    ),
  );
  clearTimeout(timer);
  clearInterval(heartbeat);
  stopHeartbeat();
  // What waits for its time goes now: the next start would make it good, but later.
  take(tick(pace, Number.POSITIVE_INFINITY));
  await delivery.close(farewellMs);
  log.info("stopped", heartbeatFields(delivery.figures(), ledger.size));
}

function eventOf({ kind, namespace, name, uid, resourceVersion, actor }: Change): Parameters<typeof objectChanged>[1] {
  return {
    object: {
      kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      ...(uid === undefined ? {} : { uid }),
    },
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(actor === undefined ? {} : { actor }),
  };
}

function heartbeatFields(figures: DeliveryFigures, remembered: number): Record<string, unknown> {
  return { ...figures, remembered, rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20) };
}

function troubleFields(trouble: unknown): Record<string, unknown> {
  return trouble === undefined ? {} : { trouble: trouble instanceof Error ? trouble.message : String(trouble) };
}
