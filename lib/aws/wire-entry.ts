import type { PutEventsRequestEntry } from "@aws-sdk/client-eventbridge";
import type { BusEntry } from "../events/fields.ts";

/** An event as PutEvents takes it; its time is the sender's, which the bus keeps in whole seconds. */
export function wireEntry({ source, detailType, detail }: BusEntry, busName: string): PutEventsRequestEntry {
  return {
    EventBusName: busName,
    Source: source,
    DetailType: detailType,
    Time: new Date(detail.metadata.time),
    Detail: JSON.stringify(detail),
  };
}
