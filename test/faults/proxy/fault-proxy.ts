import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { selfSigned } from "../../self-signed.ts";
import type { ApiFaults, ApiRequest, Exchange } from "./fault.ts";
import { strike } from "./strike.ts";

export interface ProxiedServer {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
}

export interface FaultProxyOptions {
  /** Where it listens; default loopback. */
  readonly address?: string;
  /** Who a client is, and the token by which the server knows him; undefined: his own is passed on. */
  readonly authenticate?: (token: string) => { readonly identity: string; readonly token: string } | undefined;
}

/** Stands between clients and an API server, ends their TLS, and does to their requests what it is told. */
export interface FaultProxy extends ProxiedServer {
  /** From now on; nothing at first. */
  faults: ApiFaults;
  /** In the order in which the server answered, or was not asked. */
  readonly exchanges: Exchange[];
  close(): Promise<void>;
}

export async function startFaultProxy(server: ProxiedServer, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const { address = "127.0.0.1" } = options;
  const { key, cert } = await selfSigned(address);
  const agent = new Agent({ ca: server.ca, keepAlive: true });
  const exchanges: Exchange[] = [];
  const proxy = createServer({ key, cert }, (request, response) => {
    // Whoever gave a request up, or was killed, hears no answer.
    serve(request, response).catch(() => request.socket.destroy());
  });
  // TLS sockets cannot be reset, what is below them can.
  const sockets = new Map<number | undefined, Socket>();
  proxy.on("connection", (socket: Socket) => {
    const { remotePort } = socket;
    sockets.set(
      remotePort,
      socket.on("close", () => sockets.delete(remotePort)),
    );
  });
  proxy.listen(0, address);
  await once(proxy, "listening");
  const self: FaultProxy = {
    url: `https://${address}:${(proxy.address() as AddressInfo).port}`,
    ca: cert,
    faults: () => undefined,
    exchanges,
    async close() {
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, "close");
      agent.destroy();
    },
  };
  return self;

  async function serve(near: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = near;
    const known = options.authenticate?.(headers.authorization?.replace(/^Bearer /, "") ?? "");
    const { pathname, searchParams: query } = new URL(url, server.url);
    const asked: ApiRequest = {
      atMs: Date.now(),
      method,
      path: decodeURIComponent(pathname),
      query,
      identity: known?.identity ?? "",
      body: await text(near),
      port: near.socket.remotePort,
    };
    const fault = self.faults(asked);
    const record = (status: number | undefined, answer = "") => exchanges.push({ ...asked, status, answer, fault });
    const passOn = () => send(server.url + url, asked, { ...headers, ...(known && bearer(known.token)) });
    const reset = () => void sockets.get(near.socket.remotePort)?.resetAndDestroy();
    await strike(fault, { near: response, passOn, record, reset, isWatch: query.get("watch") === "true" });
  }

  async function send(url: string, { method, body }: ApiRequest, headers: IncomingMessage["headers"]) {
    const { host: _, connection: __, "transfer-encoding": ___, "content-length": ____, ...rest } = headers;
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const far = httpsRequest(url, { method, agent, headers: { ...rest, ...length } });
    far.end(body);
    const [answer] = (await once(far, "response")) as [IncomingMessage];
    return answer;
  }
}

function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}
