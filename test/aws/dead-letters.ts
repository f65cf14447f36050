import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { AwsSide } from "./aws-side.ts";

export interface DeadLetter {
  readonly body: string;
  readonly reason: string | undefined;
  readonly problem: string | undefined;
}

/** What lies in the dead-letter queue, as an operator reads it; a letter that was read is out of sight for 1 s. */
export async function deadLetters({ endpoint, region, deadLetterUrl, credentials }: AwsSide): Promise<DeadLetter[]> {
  const client = new SQSClient({ endpoint, region, credentials: credentials.operator });
  const letters: DeadLetter[] = [];
  // Ten are the most that one call gives.
  for (let call = 0; call < 20; call++) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: deadLetterUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 1,
        MessageAttributeNames: ["All"],
      }),
    );
    for (const { Body = "", MessageAttributes = {} } of Messages) {
      const [reason, problem] = ["osm-reason", "osm-problem"].map((name) => MessageAttributes[name]?.StringValue);
      letters.push({ body: Body, reason, problem });
    }
    if (Messages.length === 0) break;
  }
  client.destroy();
  return letters;
}
