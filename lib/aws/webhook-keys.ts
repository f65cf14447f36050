import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import type { Keys } from "../gitops/authenticity.ts";
import type { WebhookKeys } from "../gitops/webhook.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import type { WebhookSettings } from "./settings.ts";

/** How long a rotated secret may take to be known here; until then the one before it counts. */
export const keptMs = 5 * 60_000;
const stages = ["AWSCURRENT", "AWSPREVIOUS"] as const;

/** Both secrets in both stages, so that a sender may change from one value to the next at any time. */
export function openWebhookKeys(settings: WebhookSettings, nowMs: () => number = Date.now): () => Promise<WebhookKeys> {
  const client = new SecretsManagerClient({ region: settings.region, ...clientOptions });
  let kept: { readonly keys: Promise<WebhookKeys>; readonly untilMs: number } | undefined;

  async function read(secretId: string): Promise<Keys> {
    const values = stages.map(async (VersionStage) => {
      try {
        return (await client.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage }))).SecretString;
      } catch (cause) {
        // There is none before the first rotation.
        if (VersionStage === "AWSPREVIOUS" && cause instanceof ResourceNotFoundException) return undefined;
        throw awsFailure(`GetSecretValue ${secretId}`, cause);
      }
    });
    return (await Promise.all(values)).filter((value) => value !== undefined);
  }

  async function readBoth(): Promise<WebhookKeys> {
    const [flux, argocd] = await Promise.all([read(settings.fluxSecret), read(settings.argocdSecret)]);
    return { flux, argocd };
  }

  return async () => {
    const now = nowMs();
    if (!kept || now >= kept.untilMs) kept = { keys: readBoth(), untilMs: now + keptMs };
    const { keys } = kept;
    keys.catch(() => {
      kept = undefined;
    });
    return keys;
  };
}
