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
    // The stack's own first: it needs nothing of the others.
    await ask(settings.clusters);
    for await (const { managed, unreadable } of fleet.pages()) {
      await ask(managed.filter((cluster) => !settings.clusters.includes(cluster)));
      if (unreadable.length > 0) log.error("clusters that could not be looked at", { unreadable });
    }
  });

async function ask(clusters: readonly string[]): Promise<void> {
  const time = new Date().toISOString();
  await bus.put(clusters.map((cluster) => driftCheckDue({ id: randomUUID(), version: 1, cluster, time })));
  if (clusters.length > 0) log.info("drift checks due", { clusters });
}
