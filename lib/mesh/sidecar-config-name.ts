import { createHash } from "node:crypto";

/** How the name of every sidecar ConfigMap begins. */
export const plainConfigPrefix = "osm-sidecar.";
/** Longest service account whose ConfigMap carries its whole name: object names end at 253 characters. */
export const maxPlainAccountLength = 253 - plainConfigPrefix.length;
const keptLength = 220;

/**
 * The name of the ConfigMap that holds a service account's sidecar configuration: `osm-sidecar.<account>`.
 *
 * An account too long for that keeps its first 220 characters and gets a digest of the whole. CEL has no digest, so the
 * injection policy reads the names of those from MeshInjection (`spec.configNames`).
 */
export function sidecarConfigName(serviceAccount: string): string {
  if (serviceAccount.length <= maxPlainAccountLength) return plainConfigPrefix + serviceAccount;
  const digest = createHash("sha256").update(serviceAccount).digest("hex").slice(0, 16);
  return `${plainConfigPrefix}${serviceAccount.slice(0, keptLength)}.${digest}`;
}
