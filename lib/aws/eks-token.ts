import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "@smithy/types";

/** EKS takes a token for 15 minutes from its signing. */
const renewAfterMs = 14 * 60_000;

export interface TokenSource {
  readonly cluster: string;
  readonly region: string;
  readonly credentials: AwsCredentialIdentityProvider;
  /** Ms since the epoch, by AWS' clock; absent: this machine's. */
  readonly now?: () => number;
}

/** Keeps a token for as long as it is good, and makes the next one when asked after that. */
export function eksTokens({ cluster, region, credentials, now = Date.now }: TokenSource): () => Promise<string> {
  let kept: { readonly token: string; readonly until: number } | undefined;
  return async () => {
    if (kept && now() < kept.until) return kept.token;
    const signer = await credentials();
    const at = now();
    // Credentials that end sooner take the token with them.
    const until = Math.min(at + renewAfterMs, (signer.expiration?.getTime() ?? Infinity) - 60_000);
    kept = { token: await eksToken(cluster, region, signer, new Date(at)), until };
    return kept.token;
  };
}

/**
 * `k8s-aws-v1.` and, in base64url without padding, a presigned STS GetCallerIdentity that only this cluster accepts:
 * the cluster's name is in a header that is signed but not sent.
 *
 * @see aws-iam-authenticator, "API authorization from outside a cluster"
 */
export async function eksToken(
  cluster: string,
  region: string,
  credentials: AwsCredentialIdentity,
  signingDate: Date,
): Promise<string> {
  const hostname = `sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  const signer = new SignatureV4({ service: "sts", region, credentials, sha256: Sha256 });
  const signed = await signer.presign(
    {
      method: "GET",
      protocol: "https:",
      hostname,
      path: "/",
      query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
      headers: { host: hostname, "x-k8s-aws-id": cluster },
    },
    { expiresIn: 60, signingDate, unhoistableHeaders: new Set(["x-k8s-aws-id"]) },
  );
  const query = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `k8s-aws-v1.${Buffer.from(`https://${hostname}/?${query.join("&")}`).toString("base64url")}`;
}
