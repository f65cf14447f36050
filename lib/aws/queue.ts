import {
  ChangeMessageVisibilityCommand,
  type MessageAttributeValue,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import type { Reason } from "../errors.ts";
import { cutText } from "../mesh/cut-text.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import type { ReconcileSettings } from "./settings.ts";

/** A message that this function was called with. */
export type Message = Pick<SQSRecord, "messageId" | "receiptHandle" | "body" | "messageAttributes" | "attributes">;

/** How many passes have sent this message on before, on a message that a pass sent. */
export const passesAttribute = "osm-passes";

export interface Queue {
  /** Counted from now, the message stays invisible for `visibilitySeconds`: then it is back, should this pass be killed. */
  hide(message: Message): Promise<void>;
  /** The same message once more. False when it has gone round `maxPasses` times and was not sent. */
  sendAgain(message: Message): Promise<boolean>;
  /** The same message, with what is wrong as its attributes. */
  deadLetter(message: Message, reason: Reason, problem: string): Promise<void>;
}

/** Lambda stops a function that feeds its own queue after about 16 rounds; the schedule takes up what is left. */
export const maxPasses = 12;

export function openQueue(settings: Omit<ReconcileSettings, "busName">): Queue {
  const client = new SQSClient({ region: settings.region, ...clientOptions });

  async function send(QueueUrl: string, body: string, attributes: Record<string, string>): Promise<void> {
    try {
      await client.send(
        new SendMessageCommand({ QueueUrl, MessageBody: body, MessageAttributes: wireAttributes(attributes) }),
      );
    } catch (cause) {
      throw awsFailure(`SendMessage ${QueueUrl}`, cause);
    }
  }

  return {
    async hide({ receiptHandle }) {
      try {
        await client.send(
          new ChangeMessageVisibilityCommand({
            QueueUrl: settings.queueUrl,
            ReceiptHandle: receiptHandle,
            VisibilityTimeout: settings.visibilitySeconds,
          }),
        );
      } catch (cause) {
        throw awsFailure(`ChangeMessageVisibility ${settings.queueUrl}`, cause);
      }
    },
    async sendAgain(message) {
      const passes = passesOf(message) + 1;
      if (passes > maxPasses) return false;
      await send(settings.queueUrl, message.body, { [passesAttribute]: String(passes) });
      return true;
    },
    async deadLetter(message, reason, problem) {
      await send(settings.deadLetterUrl, message.body, {
        "osm-reason": reason,
        "osm-problem": attributeText(problem),
      });
    },
  };
}

export function passesOf(message: Message): number {
  const passes = Number(message.messageAttributes[passesAttribute]?.stringValue ?? "0");
  return Number.isSafeInteger(passes) && passes >= 0 ? passes : maxPasses;
}

/** SQS takes no attribute that XML could not hold: an answer's control characters would keep the letter from its queue. */
function attributeText(text: string): string {
  return cutText(text, 1_000).replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
}

function wireAttributes(attributes: Record<string, string>): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  );
}
