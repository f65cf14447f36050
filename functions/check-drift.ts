import { randomUUID } from "node:crypto";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import middy from "@middy/core";
import type { Context } from "aws-lambda";
import { openEventBus } from "#lib/aws/event-bus.ts";
import { openFleet } from "#lib/aws/fleet.ts";
import { checkDriftSettings } from "#lib/aws/settings.ts";
import { driftCheckDue } from "#lib/events/hint-event.ts";

const settings = checkDriftSettings(process.env);
const log = new Logger();
const bus = openEventBus(settings.busName, settings.region);
const fleet = openFleet(settings.region);

export const handler = middy<unknown, void, Error, Context>()
  .use(injectLambdaContext(log))
  .handler(async () => {
    const { managed, unreadable } = await fleet.list();
    const clusters = [...new Set([...settings.clusters, ...managed])];
    const time = new Date().toISOString();
    await bus.put(clusters.map((cluster) => driftCheckDue({ id: randomUUID(), version: 1, cluster, time })));
    if (unreadable.length > 0) log.warn("clusters that could not be looked at", { unreadable });
    log.info("drift checks due", { clusters });
  });
