import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { batchReport } from "#lib/aws/batch-report.ts";
import { openClusters } from "#lib/aws/clusters.ts";
import { openEventBus } from "#lib/aws/event-bus.ts";
import { recordCluster } from "#lib/aws/figures.ts";
import { hintKeys, passContext, passLog } from "#lib/aws/pass-context.ts";
import { openQueue } from "#lib/aws/queue.ts";
import { type QueuedPassPorts, runQueuedPass } from "#lib/aws/queued-pass.ts";
import { reconcileSettings } from "#lib/aws/settings.ts";
import { clusterPorts } from "#lib/kube/cluster-ports.ts";
import { reconcileCluster } from "#lib/reconcile/reconcile-cluster.ts";

const settings = reconcileSettings(process.env);
const { place, leaseSeconds, podDeadlineMs } = settings;
const logger = new Logger();
const log = passLog(logger);
const metrics = new Metrics();
const ports = { ...openQueue(settings), account: settings.account, about: hintKeys(logger), log };
const bus = openEventBus(settings.busName, settings.region);
const clusters = openClusters(settings);
const loadGuards = () => import("#deploy/guards.ts");

export const handler = middy<SQSEvent, SQSBatchResponse, Error, Context>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .use(logMetrics(metrics, { captureColdStartMetric: true }))
  .handler(async (event, context) => {
    const reconcile: QueuedPassPorts["reconcile"] = async (hint) => {
      const pass = passContext(hint, { context, bus, metrics, logger, podDeadlineMs });
      const outcome = await clusters.use(hint.cluster, pass, (connection) =>
        reconcileCluster(clusterPorts(connection, place, pass.passId, { loadGuards, leaseSeconds, log }), pass),
      );
      return recordCluster(metrics, hint.cluster, outcome);
    };
    return batchReport(event, { log, metrics }, () => runQueuedPass(event, { ...ports, ...clusters, reconcile }));
  });
