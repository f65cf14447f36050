import { setTimeout as sleep } from "node:timers/promises";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { AwsSide } from "#test/aws/aws-side.ts";

const attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;

/** Nothing waits and nothing is being worked on: a function that waits for a cut still has its message. */
export async function untilQueueIsEmpty(
  { endpoint, region, credentials, queueUrl }: Pick<AwsSide, "endpoint" | "region" | "credentials" | "queueUrl">,
  withinMs: number,
): Promise<void> {
  const client = new SQSClient({ endpoint, region, credentials: credentials.root });
  try {
    const endMs = Date.now() + withinMs;
    for (let empty = 0; empty < 2; ) {
      if (Date.now() > endMs) throw new Error(`messages stay in the queue for more than ${withinMs} ms`);
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...attributes] }),
      );
      const messages = attributes.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
      empty = messages === 0 ? empty + 1 : 0;
      await sleep(100);
    }
  } finally {
    client.destroy();
  }
}
