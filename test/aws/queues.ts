import {
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { AwsSide } from "./aws-side.ts";

/** Both queues, as an administrator sees them. */
export interface Queues {
  /** Straight into the queue, past the bus. @returns false where SQS itself refuses such a text */
  send(body: string): Promise<boolean>;
  /** Waiting or being worked at, and dead. */
  count(): Promise<{ readonly waiting: number; readonly dead: number }>;
  /** Empties both, of what is hidden too. */
  empty(): Promise<void>;
  /** What the queue itself keeps a message back for, until its function says otherwise. */
  setVisibility(seconds: number): Promise<void>;
  close(): void;
}

export function queuesOf({ endpoint, region, credentials, queueUrl, deadLetterUrl }: AwsSide): Queues {
  const client = new SQSClient({ endpoint, region, credentials: credentials.root });
  const held = async (QueueUrl: string) => {
    const { Attributes = {} } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    const { ApproximateNumberOfMessages: visible = 0, ApproximateNumberOfMessagesNotVisible: hidden = 0 } = Attributes;
    return Number(visible) + Number(hidden);
  };
  return {
    async send(MessageBody) {
      try {
        await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
        return true;
      } catch (error) {
        if (error instanceof Error && /InvalidMessageContents|MissingParameter|EmptyValue/.test(error.name))
          return false;
        throw error;
      }
    },
    count: async () => ({ waiting: await held(queueUrl), dead: await held(deadLetterUrl) }),
    async empty() {
      for (const QueueUrl of [queueUrl, deadLetterUrl]) await client.send(new PurgeQueueCommand({ QueueUrl }));
    },
    async setVisibility(seconds) {
      const Attributes = { VisibilityTimeout: String(seconds) };
      await client.send(new SetQueueAttributesCommand({ QueueUrl: queueUrl, Attributes }));
    },
    close: () => client.destroy(),
  };
}
