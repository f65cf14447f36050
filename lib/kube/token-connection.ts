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

/**
 * How many clusters' connections stay open: each may have `maxInFlight` of them, and a function 1,024 files. Who asks one
 * cluster after the other would run out of them within a minute.
 */
export const maxOpen = 8;
/** Who has connections, in the order of their last requests. */
const opened = new Set<{ close(): void }>();

/** Closed, it opens anew for whoever still asks. */
export interface TokenConnection extends KubeConnection {
  close(): void;
}

export function openTokenConnection(cluster: TokenCluster): TokenConnection {
  const ca = Buffer.from(cluster.caData, "base64").toString("utf8");
  const open = (): Agent =>
    new Agent({ ...http1, connections: maxInFlight, keepAliveTimeout: idleMs, connect: { ca, timeout: 5_000 } });
  let dispatcher: Agent | undefined;
  let usedAt = Date.now();
  const own = {
    /** What is under way is seen through. */
    close() {
      dispatcher?.close().catch(() => undefined);
      dispatcher = undefined;
    },
  };

  const connection = connectionTo(cluster.server, async () => {
    const headers = { authorization: `Bearer ${await cluster.token()}` };
    // A function that was frozen wakes with connections that the other side closed long ago, and its timers have not run.
    if (Date.now() - usedAt > idleMs) {
      dispatcher?.destroy().catch(() => undefined);
      dispatcher = undefined;
    }
    usedAt = Date.now();
    opened.delete(own);
    opened.add(own);
    const [oldest] = opened;
    if (oldest && opened.size > maxOpen) {
      opened.delete(oldest);
      oldest.close();
    }
    dispatcher ??= open();
    return { headers, dispatcher };
  });
  return {
    ...connection,
    close() {
      opened.delete(own);
      own.close();
    },
  };
}
