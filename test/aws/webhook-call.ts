import { createHmac } from "node:crypto";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { request } from "undici";
import type { AwsSide } from "./aws-side.ts";

export type SecretName = "flux-key" | "argocd-token";

/** What the stack generated, as an administrator reads it to give it to Flux or Argo CD. */
export async function webhookSecret(aws: AwsSide, name: SecretName): Promise<string> {
  const { endpoint, region, credentials } = aws;
  const client = new SecretsManagerClient({ endpoint, region, credentials: credentials.root });
  try {
    const SecretId = `${aws.busName}/${name}`;
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
    if (!SecretString) throw new Error(`no value in ${SecretId}`);
    return SecretString;
  } finally {
    client.destroy();
  }
}

/** `X-Signature`, as notification-controller makes it. */
export function signature(body: string | Buffer, key: string): string {
  return `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
}

/** What Flux sends when a Kustomization has been applied. */
export function fluxEvent(more: object = {}): object {
  return {
    involvedObject: {
      apiVersion: "kustomize.toolkit.fluxcd.io/v1",
      kind: "Kustomization",
      namespace: "flux-system",
      name: "mesh",
    },
    severity: "info",
    timestamp: new Date().toISOString(),
    message: "Reconciliation finished",
    reason: "ReconciliationSucceeded",
    metadata: { "kustomize.toolkit.fluxcd.io/revision": "main@sha1:8406628" },
    reportingController: "kustomize-controller",
    reportingInstance: "kustomize-controller-0",
    ...more,
  };
}

/** As notification-controller, curl or anybody on the internet would. @returns the status */
export async function callWebhook(
  { webhookUrl }: Pick<AwsSide, "webhookUrl">,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const sent = { "content-type": "application/json", ...headers };
  const response = await request(webhookUrl + path, { method: "POST", body, headers: sent });
  await response.body.dump();
  return response.statusCode;
}

/** @throws unless it is taken */
export async function notifyAsFlux(aws: AwsSide, cluster: string, more: object = {}): Promise<void> {
  const body = JSON.stringify(fluxEvent(more));
  const headers = { "x-signature": signature(body, await webhookSecret(aws, "flux-key")) };
  const status = await callWebhook(aws, `flux/${cluster}`, body, headers);
  if (status !== 202) throw new Error(`webhook: status ${status}`);
}
