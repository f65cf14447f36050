import { createHash } from "node:crypto";
import type { AwsCall, AwsFault } from "./aws-fault.ts";

/** An event as it came in, by who sent it: his access key. */
export interface BusEvent {
  readonly atMs: number;
  readonly sender: string;
  readonly source: string;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface SentMessage {
  /** The queue's name. */
  readonly queue: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
}

export interface Cluster {
  readonly endpoint: string;
  /** PEM. */
  readonly ca: string;
}

interface PutEvents {
  readonly Entries: readonly { readonly Source: string; readonly DetailType: string; readonly Detail: string }[];
}
interface SendMessage {
  readonly QueueUrl: string;
  readonly MessageBody: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string }>>;
}
interface Taken {
  readonly events: BusEvent[];
  readonly sent: SentMessage[];
}
type Asked = AwsCall & { readonly url: string; readonly body: string; readonly fault: AwsFault | undefined };

/** Does what is asked. @returns the answer's body */
export function carriedOut(asked: Asked, cluster: Cluster, taken: Taken): object {
  switch (asked.name) {
    case "ListClusters":
      return { clusters: ["shop", fleetCluster] };
    case "DescribeCluster":
      return described(asked, cluster);
    case "GetSecretValue":
      return secretOf(asked);
    case "ChangeMessageVisibility":
      return {};
    case "PutEvents":
      return put(asked, taken);
    case "SendMessage":
      return sent(asked, taken);
  }
}

/** Only this one has the tag; `shop` is the stack's own. */
export const fleetCluster = "fleet";

function described({ url }: Asked, { endpoint, ca }: Cluster): object {
  const data = Buffer.from(ca).toString("base64");
  const name = url.split("/").at(-1) === fleetCluster ? fleetCluster : "shop";
  const tags = name === fleetCluster ? { "osm-egress/managed": "true" } : {};
  return { cluster: { name, status: "ACTIVE", endpoint, certificateAuthority: { data }, tags } };
}

/** What is in a secret. */
export function secretIn(id: string, stage: string): string {
  return `${id}-${stage}-of-the-test`;
}

function secretOf({ body }: Asked): object {
  const { SecretId, VersionStage } = JSON.parse(body) as { readonly SecretId: string; readonly VersionStage: string };
  return { Name: SecretId, SecretString: secretIn(SecretId, VersionStage) };
}

function put({ sender, body, fault }: Asked, { events }: Taken): object {
  const { Entries } = JSON.parse(body) as PutEvents;
  const failed = fault?.kind === "entries" ? fault.failed.filter((at) => at < Entries.length) : [];
  const results = Entries.map(({ Source, DetailType, Detail }, at) => {
    if (fault?.kind === "entries" && failed.includes(at)) return { ErrorCode: fault.code, ErrorMessage: "of the test" };
    if (fault?.kind !== "swallowed") {
      const detail = JSON.parse(Detail) as BusEvent["detail"];
      events.push({ atMs: Date.now(), sender, source: Source, detailType: DetailType, detail });
    }
    return { EventId: `event-${events.length}-${at}` };
  });
  return { FailedEntryCount: failed.length, Entries: results };
}

function sent({ body }: Asked, taken: Taken): object {
  const { QueueUrl, MessageBody, MessageAttributes = {} } = JSON.parse(body) as SendMessage;
  const attributes = Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]),
  );
  taken.sent.push({ queue: QueueUrl.split("/").at(-1) ?? "", body: MessageBody, attributes });
  const md5 = createHash("md5").update(MessageBody).digest("hex");
  return { MessageId: `sent-${taken.sent.length}`, MD5OfMessageBody: md5 };
}
