import { setTimeout as sleep } from "node:timers/promises";
import type { BusEntry } from "#lib/events/fields.ts";
import { forward } from "#lib/forwarder/forward.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { forwarderHeartbeat } from "#lib/kube/forwarder-lease.ts";
import { eventually } from "#test/eventually.ts";

export interface Received {
  readonly atMs: number;
  readonly kind: string;
  readonly name: string;
  readonly detail: BusEntry["detail"];
}

/** A forwarder under test, and what it said. */
export interface Running {
  readonly received: readonly Received[];
  readonly warnings: readonly string[];
  /** @throws when no event after `from` satisfies it in time */
  next(from: number, matches: (one: Received) => boolean, withinMs: number): Promise<Received>;
  /** Until no event has come for `quietMs`. */
  quiet(quietMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param holder  as which it says that it is well */
export function run(connection: KubeConnection, holder = "test"): Running {
  const received: Received[] = [];
  const warnings: string[] = [];
  const stop = new AbortController();
  const done = forward(
    {
      connection,
      cluster: "test",
      send: async (events) => {
        for (const { detail } of events) {
          const { kind, name } = detail["object"] as { kind: string; name: string };
          received.push({ atMs: performance.now(), kind, name, detail });
        }
        return [];
      },
      renew: forwarderHeartbeat(connection, "osm-system", holder),
      log: { info: () => undefined, warn: (message, fields) => warnings.push(`${message} ${JSON.stringify(fields)}`) },
    },
    stop.signal,
  );
  return {
    received,
    warnings,
    async next(from, matches, withinMs) {
      const tell = () => {
        const seen = received.slice(from).map(({ kind, name }) => `${kind} ${name}`);
        return `came: ${seen.join(", ") || "none"}; ${warnings.slice(-3).join("; ")}`;
      };
      return eventually("such an event", () => received.slice(from).find(matches), { withinMs, everyMs: 5, tell });
    },
    async quiet(quietMs) {
      for (let checks = 0; checks < 200; checks++) {
        const count = received.length;
        await sleep(quietMs);
        if (received.length === count) return;
      }
      throw new Error("events keep coming");
    },
    async stop() {
      stop.abort();
      await done;
    },
  };
}
