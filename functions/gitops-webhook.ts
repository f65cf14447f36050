import { randomUUID } from "node:crypto";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import middy from "@middy/core";
import type { Context, LambdaFunctionURLEvent, LambdaFunctionURLResult } from "aws-lambda";
import { openEventBus } from "#lib/aws/event-bus.ts";
import { functionUrlReply, webhookCall } from "#lib/aws/function-url.ts";
import { webhookSettings } from "#lib/aws/settings.ts";
import { openWebhookKeys } from "#lib/aws/webhook-keys.ts";
import { revisionApplied } from "#lib/events/hint-event.ts";
import { receive } from "#lib/gitops/webhook.ts";

const settings = webhookSettings(process.env);
const log = new Logger();
const bus = openEventBus(settings.busName, settings.region);
const keys = openWebhookKeys(settings);

export const handler = middy<LambdaFunctionURLEvent, LambdaFunctionURLResult, Error, Context>()
  .use(injectLambdaContext(log))
  .handler(async (event) => {
    const reply = await receive(webhookCall(event), {
      keys,
      nowMs: Date.now,
      refused: (why, fields) => log.warn("refused", { why, ...fields }),
      async announce(cluster, { owner, revision, occurredAt }) {
        const id = randomUUID();
        await bus.put([revisionApplied({ id, version: 1, cluster, time: occurredAt }, { revision, owner })]);
        log.info("revision applied", { cluster, owner, revision, correlationId: id });
        return id;
      },
    });
    return functionUrlReply(reply);
  });
