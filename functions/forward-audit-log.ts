import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import middy from "@middy/core";
import type { CloudWatchLogsEvent, Context } from "aws-lambda";
import { forwardRecords } from "#lib/audit/forward-records.ts";
import { openEventBus } from "#lib/aws/event-bus.ts";
import { auditLogSettings } from "#lib/aws/settings.ts";

const settings = auditLogSettings(process.env);
const log = new Logger();
const bus = openEventBus(settings.busName, settings.region);

export const handler = middy<CloudWatchLogsEvent, void, Error, Context>()
  .use(injectLambdaContext(log))
  .handler(async ({ awslogs }) => {
    const { malformed, ...told } = await forwardRecords(awslogs.data, settings.place, (entries) => bus.put(entries));
    if (malformed.count > 0) log.warn("records not understood", { ...malformed });
    if (told.events > 0) log.info("forwarded", told);
  });
