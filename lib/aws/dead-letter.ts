import type { Message } from "@aws-sdk/client-sqs";
import { knownClusterId } from "../events/cluster-id.ts";
import { passesAttribute } from "./queue.ts";

export interface DeadLetter {
  readonly id: string;
  /** Absent where the queue itself gave up, after five tries. */
  readonly reason?: string;
  readonly problem?: string;
  /** `ACCOUNT/NAME` where it is in another account than the queue; absent where it is no event of EventBridge's. */
  readonly cluster?: string;
  readonly source?: string;
  readonly detailType?: string;
  /** ISO 8601: when it came into the queue that it died in. */
  readonly since?: string;
  readonly body: string;
  /** An event of the bus. What Lambda or the scheduler gave up on lies here too, and the queue has no use for it. */
  readonly isEvent: boolean;
  /** How often a pass had sent it on. */
  readonly passes?: string;
}

/** A message of the queue, read. @param ownAccount  the one that the queue is in */
export function deadLetter(
  { MessageId = "", Body = "", Attributes, MessageAttributes = {} }: Message,
  ownAccount: string,
): DeadLetter {
  const sentMs = Number(Attributes?.SentTimestamp);
  const optional = <K extends string>(key: K, value: unknown) =>
    (typeof value === "string" ? { [key]: value } : {}) as { readonly [key in K]?: string };
  const event = eventOf(Body);
  const said = (...names: readonly string[]) =>
    names.map((name) => MessageAttributes[name]?.StringValue).find((text) => text !== undefined);
  return {
    id: MessageId,
    isEvent: typeof event.source === "string" && typeof event["detail-type"] === "string",
    // Ours; EventBridge's and the scheduler's; Lambda's.
    ...optional("reason", said("osm-reason", "ERROR_CODE", "ErrorCode")),
    ...optional("problem", said("osm-problem", "ERROR_MESSAGE", "ErrorMessage")),
    ...optional("passes", said(passesAttribute)),
    ...optional("cluster", clusterOf(event, ownAccount)),
    ...optional("source", event.source),
    ...optional("detailType", event["detail-type"]),
    ...(Number.isNaN(sentMs) ? {} : { since: new Date(sentMs).toISOString() }),
    body: Body,
  };
}

/** As the pass would have understood it; as it was written, where it would have refused it. */
function clusterOf({ account, detail }: LooseEvent, ownAccount: string): unknown {
  const cluster = detail?.metadata?.cluster ?? detail?.cluster;
  if (typeof cluster !== "string" || typeof account !== "string") return cluster;
  return knownClusterId(cluster, account, ownAccount) ?? cluster;
}

/** Anybody may have sent anything. */
interface LooseEvent {
  readonly source?: unknown;
  readonly account?: unknown;
  readonly "detail-type"?: unknown;
  readonly detail?: { readonly cluster?: unknown; readonly metadata?: { readonly cluster?: unknown } } | null;
}

function eventOf(body: string): LooseEvent {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
