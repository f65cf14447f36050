import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP relay on loopback that can break what goes through it; TLS passes through untouched. */
export interface BreakableProxy {
  readonly url: string;
  /** How many connections are open now. */
  readonly open: () => number;
  /** Resets every connection; new ones work. */
  cut(): void;
  /** Every open connection falls silent without an end, as when a NAT entry is lost; new ones work. */
  freeze(): void;
  /** Refuses new connections and cuts the open ones, until `allow`. */
  refuse(): void;
  allow(): void;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<BreakableProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  const server = createServer((near) => {
    if (refusing) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.pipe(to);
      // A peer that goes away is what this is for.
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => pairs.size,
    cut,
    freeze() {
      for (const pair of pairs) for (const socket of pair) socket.unpipe().pause();
    },
    refuse() {
      refusing = true;
      cut();
    },
    allow() {
      refusing = false;
    },
    async close() {
      cut();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
