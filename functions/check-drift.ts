import { randomUUID } from "node:crypto";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import middy from "@middy/core";
import type { Context, ScheduledEvent } from "aws-lambda";
import { openEventBus } from "#lib/aws/event-bus.ts";
import { checkDriftSettings } from "#lib/aws/settings.ts";
import { driftCheckDue } from "#lib/events/hint-event.ts";

const settings = checkDriftSettings(process.env);
const log = new Logger();
const bus = openEventBus(settings.busName);

export const handler = middy<ScheduledEvent, void, Error, Context>()
  .use(injectLambdaContext(log))
  .handler(async () => {
    const { cluster } = settings;
    await bus.put([driftCheckDue({ id: randomUUID(), version: 1, cluster, time: new Date().toISOString() })]);
    log.info("drift check due", { cluster });
  });
