import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { SQSEvent } from "aws-lambda";
import type { FunctionProcess } from "./function-process.ts";
import type { BusEvent } from "./stand-in-aws.ts";

/** Of the queue: serverless.yml. */
export const maxReceives = 5;
const account = "111122223333";

/** One message of the queue: it comes back until a pass is done with it, or five have failed. */
export class Message {
  /** The event's: `correlationId` of every line about it. */
  readonly id = randomUUID();
  readonly #body: string;
  /** How often it was delivered. */
  receives = 0;

  /** @param what  a hint of its own, one that came to the bus, or whatever somebody put into the queue */
  constructor(what: "change" | "drift" | BusEvent | { readonly body: string }, resourceVersion?: string) {
    const time = new Date().toISOString();
    if (typeof what === "object" && "body" in what) {
      this.#body = what.body;
      return;
    }
    if (typeof what === "object") {
      const { source, detailType, detail } = what;
      this.#body = JSON.stringify({ id: this.id, source, account, "detail-type": detailType, time, detail });
      return;
    }
    const metadata = { id: this.id, version: 1, cluster: "shop", time };
    const object = { kind: "ConfigMap", namespace: "osm-system", name: "osm-config" };
    const [source, type, detail] =
      what === "drift"
        ? ["osm.drift", "Egress Drift Check Due", { metadata }]
        : ["osm.forwarder", "OSM Object Changed", { metadata, object, resourceVersion, actor: "kubectl-patch" }];
    this.#body = JSON.stringify({ id: this.id, source, account, "detail-type": type, time, detail });
  }

  /** Once. */
  deliverTo(process: FunctionProcess): Promise<"done" | "failed" | "killed"> {
    this.receives++;
    return process.call(`${process.name}-${this.id}-${this.receives}`, this.#event());
  }

  /** @throws Error after as many failures as make a dead letter */
  async untilDone(process: FunctionProcess, betweenMs = 500): Promise<void> {
    while (this.receives < maxReceives) {
      const how = await this.deliverTo(process);
      if (how === "done") return;
      if (how === "killed") throw new Error(`${process.name} ended: ${process.said.slice(-5).join("\n")}`);
      await sleep(betweenMs);
    }
    throw new Error(
      `dead letter: ${process.log
        .slice(-3)
        .map((line) => JSON.stringify(line))
        .join("\n")}`,
    );
  }

  #event(): SQSEvent {
    const record = {
      messageId: this.id,
      receiptHandle: `${this.id}-${this.receives}`,
      body: this.#body,
      attributes: {
        ApproximateReceiveCount: String(this.receives),
        SentTimestamp: String(Date.now()),
        SenderId: "test",
        ApproximateFirstReceiveTimestamp: String(Date.now()),
      },
      messageAttributes: {},
      md5OfBody: "",
      eventSource: "aws:sqs",
      eventSourceARN: `arn:aws:sqs:eu-central-1:${account}:queue`,
      awsRegion: "eu-central-1",
    };
    return { Records: [record] };
  }
}
