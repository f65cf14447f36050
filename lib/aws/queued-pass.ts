import type { SQSEvent } from "aws-lambda";
import { EgressError, type Reason } from "../errors.ts";
import { clusterField, type Hint, parseHint } from "../events/hint-event.ts";
import type { PassLog, PassOutcome } from "../reconcile/pass.ts";
import { type Message, passesOf } from "./queue.ts";

/** What a queued pass does to the world. */
export interface QueuedPassPorts {
  /** The stack's own; an event of another account speaks of that account's clusters alone. */
  readonly account: string;
  /** Takes the message out of sight for as long as a killed pass may leave it unattended. */
  hide(message: Message): Promise<void>;
  /** Told whose message this is, before anything can fail: every line of the log names it. */
  about(hint: Hint): void;
  /** Begins what the pass will need and nobody else notices. */
  prepare(hint: Hint): void;
  reconcile(hint: Hint): Promise<PassOutcome>;
  /** False when the message has gone round often enough. */
  sendAgain(message: Message): Promise<boolean>;
  deadLetter(message: Message, reason: Reason, problem: string): Promise<void>;
  readonly log: PassLog;
}

/**
 * One message, one pass.
 *
 * Returns when the message is done with, also when it went to the dead letters: nothing about it would be better next
 * time. Throws what a later try may cure, and the queue brings the message back; the fifth time it becomes a dead letter.
 */
export async function runQueuedPass(event: SQSEvent, ports: QueuedPassPorts): Promise<PassOutcome | undefined> {
  const message = soleMessage(event);
  const hidden = ports.hide(message);
  const parsed = parseHint(message.body, ports.account);
  if (parsed.ok) {
    ports.about(parsed.hint);
    ports.prepare(parsed.hint);
  }
  await hidden;
  if (!parsed.ok) {
    const { field, problem } = parsed;
    ports.log.error("event malformed", { messageId: message.messageId, field, problem });
    await ports.deadLetter(message, "event-malformed", `${field}: ${problem}`);
    return undefined;
  }
  try {
    const outcome = await ports.reconcile(isFollowUp(message) ? { ...parsed.hint, kind: "drift" } : parsed.hint);
    if (outcome.kind === "out-of-time" && !(await ports.sendAgain(message))) {
      ports.log.error("gone round too often; the next drift check takes it up", { messageId: message.messageId });
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof EgressError) || error.retry !== "never") throw error;
    const { reason } = error;
    const field = isAboutItsName(error) ? { field: clusterField(parsed.hint.source) } : {};
    ports.log.error("pass failed for good", { messageId: message.messageId, reason, ...field, error });
    await ports.deadLetter(message, error.reason, error.message);
    return undefined;
  }
}

/** No such cluster; where the role may not look at every one, IAM answers before EKS does. */
function isAboutItsName({ reason, what }: EgressError): boolean {
  return reason === "cluster-unknown" || (reason === "aws-forbidden" && what.startsWith("DescribeCluster "));
}

/** A pass over this message was killed, or ran short of time: whom it had poked and not asked yet, nobody else knows. */
function isFollowUp(message: Message): boolean {
  return Number(message.attributes.ApproximateReceiveCount) > 1 || passesOf(message) > 0;
}

/** The event source mapping's batch size is 1; anything else is our deployment's fault. */
function soleMessage(event: SQSEvent): Message {
  const [message, ...more] = event.Records;
  if (!message || more.length > 0) {
    throw new EgressError("settings-invalid", `batch of ${event.Records.length} messages, not 1`);
  }
  return message;
}
