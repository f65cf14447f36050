import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { accountId, region } from "../eks-record.ts";
import { type Credentials, root } from "../emulator.ts";

/** The bus as its consumers see it: `EventBridge → rule → queue`. */
export interface ReceivedEvent {
  readonly source: string;
  readonly detail: {
    readonly metadata: { readonly cluster: string };
    readonly object: { readonly kind: string; readonly name: string };
    readonly actor?: string;
    readonly resourceVersion?: string;
  };
}

export interface OwnBus {
  readonly name: string;
  /** An identity that may put events, until `forbid`. */
  readonly sender: Credentials;
  /** The next events, in the order in which they are delivered; waits a second at most. */
  receive(): Promise<readonly ReceivedEvent[]>;
  forbid(): Promise<void>;
  allow(): Promise<void>;
}

export async function createOwnBus(endpoint: string, name: string): Promise<OwnBus> {
  const settings = { endpoint, region, credentials: root };
  const [bridge, queues, iam] = [new EventBridgeClient(settings), new SQSClient(settings), new IAMClient(settings)];
  await bridge.send(new CreateEventBusCommand({ Name: name }));
  const { QueueUrl } = await queues.send(new CreateQueueCommand({ QueueName: name }));
  const rule = { Name: name, EventBusName: name };
  await bridge.send(new PutRuleCommand({ ...rule, EventPattern: JSON.stringify({ source: ["osm.forwarder"] }) }));
  const Arn = `arn:aws:sqs:${region}:${accountId}:${name}`;
  await bridge.send(new PutTargetsCommand({ Rule: name, EventBusName: name, Targets: [{ Id: "queue", Arn }] }));

  const user = { UserName: "sender" };
  await iam.send(new CreateUserCommand(user));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand(user));
  const Resource = `arn:aws:events:${region}:${accountId}:event-bus/${name}`;
  const statement = { Effect: "Allow", Action: "events:PutEvents", Resource };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  const allow = async () => {
    await iam.send(new PutUserPolicyCommand({ ...user, PolicyName: "put", PolicyDocument }));
  };
  await allow();
  return {
    name,
    sender: { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" },
    async receive() {
      const { Messages = [] } = await queues.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      );
      for (const { ReceiptHandle } of Messages)
        await queues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      return Messages.map(({ Body = "" }) => JSON.parse(Body) as ReceivedEvent);
    },
    async forbid() {
      await iam.send(new DeleteUserPolicyCommand({ ...user, PolicyName: "put" }));
    },
    allow,
  };
}
