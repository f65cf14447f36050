import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { AwsSide } from "./aws-side.ts";

export interface BusEvent {
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  /** Of the bus, ISO 8601, whole seconds. */
  readonly time: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface BusListener {
  /** What has come since the last call, in the order of its arrival as far as a queue has one. */
  take(): Promise<readonly BusEvent[]>;
}

/** Hears the result events on the bus, as an alarm or a chat would: a rule and a queue of its own. */
export async function listenToResults({ endpoint, region, busName, credentials }: AwsSide): Promise<BusListener> {
  const access = { endpoint, region, credentials: credentials.root };
  const sqs = new SQSClient(access);
  const bus = new EventBridgeClient(access);
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "results" }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
  const arn = Attributes?.["QueueArn"];
  if (arn === undefined) throw new Error("queue results has no ARN");
  const rule = { Name: "results", EventBusName: busName, EventPattern: JSON.stringify({ source: ["osm.reconciler"] }) };
  await bus.send(new PutRuleCommand(rule));
  await bus.send(
    new PutTargetsCommand({ Rule: rule.Name, EventBusName: busName, Targets: [{ Id: "queue", Arn: arn }] }),
  );
  bus.destroy();

  return {
    async take() {
      const events: BusEvent[] = [];
      for (let call = 0; call < 100; call++) {
        const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
        if (Messages.length === 0) break;
        events.push(...Messages.map(({ Body = "{}" }) => eventOf(Body)));
        const Entries = Messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }));
        await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      }
      return events;
    },
  };
}

function eventOf(body: string): BusEvent {
  const event = JSON.parse(body) as Omit<BusEvent, "detailType"> & { readonly "detail-type": string };
  const { id, source, time, detail } = event;
  return { id, source, time, detail, detailType: event["detail-type"] };
}
