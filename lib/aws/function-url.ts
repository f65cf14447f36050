import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from "aws-lambda";
import type { WebhookCall, WebhookReply } from "../gitops/webhook.ts";

/** The body as its sender signed it: byte for byte. */
export function webhookCall({
  rawPath,
  headers,
  body = "",
  isBase64Encoded,
  requestContext,
}: LambdaFunctionURLEvent): WebhookCall {
  return {
    method: requestContext.http.method,
    path: rawPath,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(body, isBase64Encoded ? "base64" : "utf8"),
  };
}

export function functionUrlReply({ status, message }: WebhookReply): LambdaFunctionURLResult {
  return {
    statusCode: status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(status < 300 ? { message } : { error: message }),
  };
}
