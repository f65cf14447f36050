import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { AwsSide } from "./aws-side.ts";
import { accountId, region } from "./eks-record.ts";
import { root } from "./emulator.ts";

/** An event as a rule's target gets it. */
export interface ObservedEvent {
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Somebody who listens to the bus, as an alarm or a chat would. */
export interface BusObserver {
  /** Everything heard so far, oldest first. */
  heard(): Promise<readonly ObservedEvent[]>;
}

export function observeResults(aws: AwsSide): Promise<BusObserver> {
  return observe(aws, "osm.reconciler");
}

/** From now on. */
export async function observe(aws: AwsSide, source: string): Promise<BusObserver> {
  const name = `observer-${source.replaceAll(".", "-")}`;
  const settings = { endpoint: aws.endpoint, region, credentials: root };
  const queues = new SQSClient(settings);
  const bus = new EventBridgeClient(settings);
  const { QueueUrl } = await queues.send(new CreateQueueCommand({ QueueName: name }));
  const pattern = JSON.stringify({ source: [source] });
  await bus.send(new PutRuleCommand({ Name: name, EventBusName: aws.busName, EventPattern: pattern }));
  const Arn = `arn:aws:sqs:${region}:${accountId}:${name}`;
  await bus.send(new PutTargetsCommand({ Rule: name, EventBusName: aws.busName, Targets: [{ Id: name, Arn }] }));
  const events: ObservedEvent[] = [];
  return {
    async heard() {
      for (let batch = 0; batch < 100; batch++) {
        const { Messages = [] } = await queues.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
        if (Messages.length === 0) break;
        for (const { Body = "{}", ReceiptHandle } of Messages) {
          events.push(JSON.parse(Body) as ObservedEvent);
          await queues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        }
      }
      return events;
    },
  };
}
