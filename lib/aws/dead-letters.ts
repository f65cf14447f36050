import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from "@aws-sdk/client-sqs";
import pLimit from "p-limit";
import { EgressError } from "../errors.ts";
import { type DeadLetter, deadLetter } from "./dead-letter.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import { passesAttribute } from "./queue.ts";

export interface DeadLetterQueue {
  /** Everything in it that nobody else is reading, oldest first; out of others' sight until the work is done. */
  read<T>(work: (letters: readonly DeadLetter[], deal: Deal) => Promise<T>): Promise<T>;
}

/** To the queue that it died in, as it was: sent first and deleted then, so that none is lost, and one may come twice. */
export type SendBack = (letter: DeadLetter) => Promise<void>;
/** For good. */
export type DropLetter = (letter: DeadLetter) => Promise<void>;
export interface Deal {
  readonly sendBack: SendBack;
  readonly drop: DropLetter;
}

export interface DeadLetterSettings {
  /** `osm-egress-<stage>`. */
  readonly deployment: string;
  /** From the environment when absent, as the SDK reads it. */
  readonly region?: string;
  readonly endpoint?: string;
}

/** Long enough to read all of a full queue and to send it back; others see the letters again after that. */
const heldSeconds = 120;
const maxCalls = 1_000;
const atATime = 10;
const emptyAnswers = 2;

/** @throws EgressError `aws-forbidden`, `aws-unavailable`, `settings-invalid` where the deployment has no such queue */
export async function openDeadLetters({ deployment, region, endpoint }: DeadLetterSettings): Promise<DeadLetterQueue> {
  const client = new SQSClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...clientOptions,
  });
  const [queueUrl, deadUrl] = await Promise.all([
    queueUrlOf(client, deployment),
    queueUrlOf(client, `${deployment}-dead`),
  ]);
  async function receiveAll(): Promise<readonly Message[]> {
    const found = new Map<string, Message>();
    for (let call = 0, empty = 0; call < maxCalls && empty < emptyAnswers; call++) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: deadUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: heldSeconds,
          // Without it only some of the queue's servers are asked.
          WaitTimeSeconds: 1,
          MessageAttributeNames: ["All"],
          MessageSystemAttributeNames: ["SentTimestamp"],
        }),
      );
      empty = Messages.length === 0 ? empty + 1 : 0;
      for (const message of Messages) found.set(message.MessageId ?? "", message);
    }
    return [...found.values()];
  }

  /** For others to see at once, not only after the time that reading takes at most. */
  async function letGo(messages: readonly Message[]): Promise<void> {
    const limit = pLimit(atATime);
    const calls = messages.map(({ ReceiptHandle }) =>
      limit(() =>
        client.send(new ChangeMessageVisibilityCommand({ QueueUrl: deadUrl, ReceiptHandle, VisibilityTimeout: 0 })),
      ),
    );
    await Promise.all(calls);
  }

  return {
    async read(work) {
      const held = new Map<string, Message>();
      const drop: DropLetter = async ({ id }) => {
        const ReceiptHandle = held.get(id)?.ReceiptHandle;
        await client.send(new DeleteMessageCommand({ QueueUrl: deadUrl, ReceiptHandle }));
        held.delete(id);
      };
      const sendBack: SendBack = async (letter) => {
        const MessageAttributes = passesAttributes(letter.passes);
        await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: letter.body, MessageAttributes }));
        await drop(letter);
      };
      try {
        for (const message of await receiveAll()) held.set(message.MessageId ?? "", message);
        const letters = [...held.values()].map((message) => deadLetter(message, accountOf(deadUrl)));
        letters.sort((left, right) => (left.since ?? "").localeCompare(right.since ?? ""));
        const result = await work(letters, { sendBack, drop });
        await letGo([...held.values()]);
        return result;
      } catch (cause) {
        if (!(cause instanceof Error && "$metadata" in cause)) {
          await letGo([...held.values()]);
          throw cause;
        }
        throw awsFailure(`dead letters of ${deployment}`, cause);
      } finally {
        client.destroy();
      }
    },
  };
}

function passesAttributes(passes: string | undefined): SendMessageCommandInput["MessageAttributes"] {
  return passes === undefined ? {} : { [passesAttribute]: { DataType: "String", StringValue: passes } };
}

async function queueUrlOf(client: SQSClient, QueueName: string): Promise<string> {
  try {
    return (await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl ?? "";
  } catch (cause) {
    if (cause instanceof Error && /NonExistentQueue|QueueDoesNotExist/.test(cause.name)) {
      throw new EgressError("settings-invalid", `queue ${QueueName}: there is none in this account and region`, cause);
    }
    throw awsFailure(`GetQueueUrl ${QueueName}`, cause);
  }
}

/** @param queueUrl  `https://sqs.<region>.amazonaws.com/<account>/<name>` */
function accountOf(queueUrl: string): string {
  return queueUrl.split("/").at(-2) ?? "";
}
