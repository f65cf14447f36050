/** A list price of AWS in us-east-1, in the first tier, without any free tier. */
export interface Price {
  /** US dollars for `per` of `unit`. */
  readonly dollars: number;
  readonly per: number;
  readonly unit: string;
  /** AWS's own page: what counts on the day that you read this. */
  readonly source: string;
  /** Where the figure was read. AWS's pages fill their tables in by script, so that copies of them have no figures. */
  readonly readAt: string;
}

const million = 1_000_000;
const lambda = "https://aws.amazon.com/lambda/pricing/";
const eventBridge = "https://aws.amazon.com/eventbridge/pricing/";
const sqs = "https://aws.amazon.com/sqs/pricing/";
const cloudWatch = "https://aws.amazon.com/cloudwatch/pricing/";
const secrets = "https://aws.amazon.com/secrets-manager/pricing/";

/** Read in November 2026; the month behind `readAt` is that page's own. */
export const prices = {
  lambdaRequest: price(0.2, million, "requests", lambda, "https://cloudchipr.com/blog/aws-lambda-pricing (2024)"),
  lambdaGbSecond: price(
    0.0000133334,
    1,
    "GB-s, arm64",
    lambda,
    "https://cloudchipr.com/blog/aws-lambda-pricing (2024)",
  ),
  event: price(1, million, "events", eventBridge, "https://cloudburn.io/blog/amazon-eventbridge-pricing (2026-03)"),
  schedule: price(
    1,
    million,
    "invocations",
    eventBridge,
    "https://cloudburn.io/blog/amazon-eventbridge-pricing (2026-03)",
  ),
  queueRequest: price(0.4, million, "requests", sqs, "https://cloudburn.io/blog/amazon-sqs-pricing (2026-03)"),
  logIngested: price(0.5, 1, "GB", cloudWatch, "https://c3x.dev/blog/cloudwatch-logs-cost-optimization (2026-06)"),
  logKept: price(0.03, 1, "GB-months", cloudWatch, "https://c3x.dev/blog/cloudwatch-logs-cost-optimization (2026-06)"),
  metric: price(0.3, 1, "metric-months", cloudWatch, "https://c3x.dev/blog/aws-cloudwatch-metrics-cost/ (2026)"),
  alarm: price(0.1, 1, "alarms", cloudWatch, "https://c3x.dev/blog/aws-cloudwatch-metrics-cost/ (2026)"),
  dashboard: price(3, 1, "dashboards", cloudWatch, "https://c3x.dev/blog/aws-cloudwatch-metrics-cost/ (2026)"),
  secret: price(
    0.4,
    1,
    "secrets",
    secrets,
    "https://hivebook.wiki/wiki/aws-secrets-manager-rotated-secrets-dynamic-db-credentials-kms",
  ),
  secretRead: price(
    0.05,
    10_000,
    "calls",
    secrets,
    "https://hivebook.wiki/wiki/aws-secrets-manager-rotated-secrets-dynamic-db-credentials-kms",
  ),
} as const satisfies Readonly<Record<string, Price>>;

function price(dollars: number, per: number, unit: string, source: string, readAt: string): Price {
  return { dollars, per, unit, source, readAt };
}
