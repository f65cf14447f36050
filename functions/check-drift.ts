import { randomUUID } from "node:crypto";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import middy from "@middy/core";
import type { Context } from "aws-lambda";
import { openEventBus } from "#lib/aws/event-bus.ts";
import { recordUnreadable } from "#lib/aws/figures.ts";
import { sweepFleet } from "#lib/aws/fleet.ts";
import { checkDriftSettings } from "#lib/aws/settings.ts";
import { driftCheckDue } from "#lib/events/hint-event.ts";

const settings = checkDriftSettings(process.env);
const log = new Logger();
const metrics = new Metrics();
const bus = openEventBus(settings.busName, settings.region);

export const handler = middy<unknown, void, Error, Context>()
  .use(injectLambdaContext(log))
  .use(logMetrics(metrics))
  .handler(async () => {
    // The stack's own first: it needs nothing of the others.
    await ask(settings.clusters);
    await sweepFleet(settings, async ({ managed, unreadable, unlisted }) => {
      await ask(managed.filter((cluster) => !settings.clusters.includes(cluster)));
      recordUnreadable(metrics, unreadable.length + unlisted.length);
      if (unreadable.length + unlisted.length > 0) log.error("not looked at", { unreadable, unlisted });
    });
  });

async function ask(clusters: readonly string[]): Promise<void> {
  const time = new Date().toISOString();
  const checks = clusters.map((cluster) => ({ cluster, correlationId: randomUUID() }));
  await bus.put(checks.map(({ cluster, correlationId: id }) => driftCheckDue({ id, version: 1, cluster, time })));
  if (checks.length > 0) log.info("drift checks due", { checks });
}
