import { setTimeout as pause } from "node:timers/promises";
import type { EventBridgeClient, PutEventsRequestEntry, PutEventsResultEntry } from "@aws-sdk/client-eventbridge";
import { EgressError } from "../errors.ts";
import type { BusEntry } from "../events/fields.ts";
import { awsFailure, clientOptions, reasonOf } from "./failure.ts";
import { wireEntry } from "./wire-entry.ts";

/** PutEvents takes so many at most. */
const batchSize = 10;
const maxTries = 5;

export interface EventBus {
  /** In order; resolves when every event is in. @throws EgressError `aws-unavailable`, `aws-forbidden` */
  put(entries: readonly BusEntry[]): Promise<void>;
}

/** @param region  taken from the environment when absent */
export function openEventBus(busName: string, region?: string): EventBus {
  let client: EventBridgeClient | undefined;
  return {
    async put(entries) {
      // Loaded at the first event: most passes have nothing to tell.
      const { EventBridgeClient, PutEventsCommand } = await import("@aws-sdk/client-eventbridge");
      client ??= new EventBridgeClient({ ...(region === undefined ? {} : { region }), ...clientOptions });
      const sender = client;
      await putAll(
        entries.map((entry) => wireEntry(entry, busName)),
        async (batch) => (await sender.send(new PutEventsCommand({ Entries: [...batch] }))).Entries ?? [],
      );
    },
  };
}

/** PutEvents answers 200 also when some entries failed: those go again, until they are in or the tries are used up. */
export async function putAll(
  entries: readonly PutEventsRequestEntry[],
  send: (batch: readonly PutEventsRequestEntry[]) => Promise<readonly PutEventsResultEntry[]>,
  wait: (ms: number) => Promise<unknown> = pause,
): Promise<void> {
  for (let start = 0; start < entries.length; start += batchSize) {
    let open = entries.slice(start, start + batchSize);
    for (let attempt = 1; open.length > 0; attempt++) {
      const results = await sendBatch(open, send);
      const failed = open.flatMap((entry, at) => (results[at]?.EventId ? [] : [{ entry, result: results[at] }]));
      if (failed.length > 0) {
        const codes = [...new Set(failed.map(({ result }) => result?.ErrorCode ?? "no result"))].join(", ");
        const forbidden = reasonOf(codes) === "aws-forbidden";
        if (forbidden || attempt === maxTries) {
          throw new EgressError(
            forbidden ? "aws-forbidden" : "aws-unavailable",
            `PutEvents: ${failed.length} of ${open.length} events not taken after ${attempt} tries: ${codes}`,
          );
        }
        await wait(100 * 2 ** attempt * (0.5 + Math.random()));
      }
      open = failed.map(({ entry }) => entry);
    }
  }
}

async function sendBatch(
  batch: readonly PutEventsRequestEntry[],
  send: (batch: readonly PutEventsRequestEntry[]) => Promise<readonly PutEventsResultEntry[]>,
): Promise<readonly PutEventsResultEntry[]> {
  try {
    return await send(batch);
  } catch (cause) {
    throw awsFailure("PutEvents", cause);
  }
}
