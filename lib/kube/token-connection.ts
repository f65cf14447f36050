import { Agent } from "undici";
import { connectionTo, http1, type KubeConnection, maxInFlight } from "./connection.ts";

/** A cluster that is known by address and CA, and spoken to with a bearer token that somebody renews. */
export interface TokenCluster {
  readonly server: string;
  /** PEM in base64, as DescribeCluster and kubeconfigs have it. */
  readonly caData: string;
  /** Asked before every request; it keeps the token for as long as it is good. */
  token(): Promise<string>;
}

/** The API server itself closes after 90 s. */
const idleMs = 60_000;

export function openTokenConnection(cluster: TokenCluster): KubeConnection {
  const ca = Buffer.from(cluster.caData, "base64").toString("utf8");
  const open = (): Agent =>
    new Agent({ ...http1, connections: maxInFlight, keepAliveTimeout: idleMs, connect: { ca, timeout: 5_000 } });
  let dispatcher = open();
  let usedAt = Date.now();

  return connectionTo(cluster.server, async () => {
    // A function that was frozen wakes with connections that the other side closed long ago, and its timers have not run.
    if (Date.now() - usedAt > idleMs) {
      dispatcher.destroy().catch(() => undefined);
      dispatcher = open();
    }
    usedAt = Date.now();
    return { headers: { authorization: `Bearer ${await cluster.token()}` }, dispatcher };
  });
}
