import { randomUUID } from "node:crypto";
import type { Logger } from "@aws-lambda-powertools/logger";
import type { Metrics } from "@aws-lambda-powertools/metrics";
import { auditSource, type Hint } from "../events/hint-event.ts";
import { resultEntry } from "../events/result-event.ts";
import { osmConfigName } from "../mesh/names.ts";
import type { PassContext, PassLog } from "../reconcile/pass.ts";
import type { Testimony } from "../rollout/attribution.ts";
import type { EventBus } from "./event-bus.ts";
import { countResult } from "./figures.ts";

/** What an invocation of the function lends to its pass. */
export interface Invocation {
  readonly context: { readonly awsRequestId: string; getRemainingTimeInMillis(): number };
  readonly bus: EventBus;
  readonly metrics: Metrics;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  readonly podDeadlineMs: number;
}

/** Names a hint in every line of this invocation from here on. */
export function hintKeys(logger: Pick<Logger, "appendKeys">): (hint: Hint) => void {
  return ({ cluster, source, correlationId, eventId }) =>
    logger.appendKeys({ cluster, source, correlationId, eventId });
}

/** What the pass learns from the event, and where it may tell what it did. */
export function passContext(hint: Hint, { context, bus, metrics, logger, podDeadlineMs }: Invocation): PassContext {
  const { cluster, source, actor, correlationId, occurredAt } = hint;
  metrics.addMetadata("cluster", cluster);
  const { resourceVersion, object } = hint;
  logger.info("pass begins", { kind: hint.kind, occurredAt, ...(object === undefined ? {} : { object }) });
  return {
    passId: context.awsRequestId,
    kind: hint.kind,
    hint: {
      source,
      correlationId,
      occurredAt,
      ...(actor === undefined ? {} : { actor }),
      testimony: testimonyOf(hint),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    podDeadlineMs,
    msLeft: () => context.getRemainingTimeInMillis(),
    async publish(event) {
      const time = new Date().toISOString();
      await bus.put([resultEntry(event, { id: randomUUID(), version: 1, cluster, time })]);
      countResult(metrics, event);
    },
    log: passLog(logger),
  };
}

function testimonyOf({ occurredAt, actor, source, object, revision, owner }: Hint): Testimony {
  const isOfOsmConfig = object?.kind === "ConfigMap" && object.name === osmConfigName;
  return {
    occurredAt,
    ...(source === auditSource && isOfOsmConfig && actor !== undefined ? { auditUser: actor } : {}),
    ...(revision === undefined ? {} : { revision }),
    ...(owner === undefined ? {} : { owner }),
  };
}

/** Powertools' logger, whose fields may not be undefined. */
export function passLog(logger: Invocation["logger"]): PassLog {
  return {
    info: (message, fields = {}) => logger.info(message, fields),
    warn: (message, fields = {}) => logger.warn(message, fields),
    error: (message, fields = {}) => logger.error(message, fields),
  };
}
