import type { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import type { BusEntry } from "../events/fields.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import { wireEntry } from "./wire-entry.ts";

export interface EventSinkSettings {
  readonly busName: string;
  /** From the environment when absent, as the SDK reads it. */
  readonly region?: string;
  readonly endpoint?: string;
}

/**
 * One PutEvents per call, for a sender that lives on and retries by itself.
 *
 * @param entries  at most ten
 * @returns        those that EventBridge did not take, in their order: it answers 200 also when some failed
 */
export function openEventSink({
  busName,
  region,
  endpoint,
}: EventSinkSettings): (entries: readonly BusEntry[]) => Promise<readonly BusEntry[]> {
  let client: EventBridgeClient | undefined;
  return async (entries) => {
    const { EventBridgeClient, PutEventsCommand } = await import("@aws-sdk/client-eventbridge");
    client ??= new EventBridgeClient({
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...clientOptions,
    });
    const command = new PutEventsCommand({ Entries: entries.map((entry) => wireEntry(entry, busName)) });
    const sender = client;
    const { Entries: results = [] } = await sender.send(command).catch((cause: unknown) => {
      throw awsFailure("PutEvents", cause);
    });
    return entries.filter((_, at) => !results[at]?.EventId);
  };
}
