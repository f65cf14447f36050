import { Agent } from "undici";
import { connectionTo, http1, maxInFlight, type KubeConnection } from "./connection.ts";

/** A cluster that is known by address and CA, and spoken to with a bearer token that somebody renews. */
export interface TokenCluster {
  readonly server: string;
  /** PEM in base64, as DescribeCluster and kubeconfigs have it. */
  readonly caData: string;
  /** Asked before every request; it keeps the token for as long as it is good. */
  token(): Promise<string>;
}

export function openTokenConnection(cluster: TokenCluster): KubeConnection {
  const dispatcher = new Agent({
    ...http1,
    connections: maxInFlight,
    connect: { ca: Buffer.from(cluster.caData, "base64").toString("utf8"), timeout: 5_000 },
  });
  return connectionTo(cluster.server, async () => ({
    headers: { authorization: `Bearer ${await cluster.token()}` },
    dispatcher,
  }));
}
