import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

interface Service {
  readonly params: {
    readonly default: {
      readonly visibilitySeconds: string;
      readonly deadlineSeconds: string;
      readonly concurrency: number;
      readonly driftRate: string;
    };
  };
  readonly functions: { readonly reconcile: { readonly timeout?: number } };
  readonly provider: { readonly timeout?: number };
  readonly resources: {
    readonly Resources: {
      readonly Queue: {
        readonly Properties: {
          readonly VisibilityTimeout: number;
          readonly RedrivePolicy: { readonly maxReceiveCount: number };
        };
      };
    };
  };
}

const file = join(import.meta.dirname, "../../serverless.yml");
const { params, functions, provider, resources } = parse(readFileSync(file, "utf8"), { logLevel: "silent" }) as Service;
const { Properties: queue } = resources.Resources.Queue;

/** What the deployment gives its passes by default: the scripted one must not be kinder. */
export const deployed = {
  /** Of the queue: for a message whose pass has not said otherwise. */
  visibilityMs: queue.VisibilityTimeout * 1_000,
  /** For how long a pass hides its own message. */
  hiddenMs: Number(params.default.visibilitySeconds) * 1_000,
  podDeadlineMs: Number(params.default.deadlineSeconds) * 1_000,
  maxReceives: queue.RedrivePolicy.maxReceiveCount,
  /** Passes at the same time. */
  concurrency: params.default.concurrency,
  functionTimeoutMs: (functions.reconcile.timeout ?? provider.timeout ?? Number.NaN) * 1_000,
  scheduleMs: Number(/^rate\((\d+) minutes\)$/.exec(params.default.driftRate)?.[1]) * 60_000,
} as const;
