import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { selfSigned } from "../self-signed.ts";

export interface RecordedRequest {
  /** Ms since the epoch. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly token: string;
}

/** A request as it is to be answered. */
export interface AskedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Of JSON; undefined where there is none. */
  readonly body: unknown;
}
export type Answerer = (request: AskedRequest) => { readonly status: number; readonly body: object };

/** An API server that answers everything in one manner, and remembers what it was asked. */
export interface StandInApiServer {
  readonly endpoint: string;
  /** PEM. */
  readonly ca: string;
  readonly requests: readonly RecordedRequest[];
  /** From now on; 503 at first. `silence` takes requests and never answers. @param afterMs  each answer's own delay */
  answer(manner: number | "silence" | Answerer, afterMs?: number): void;
  close(): Promise<void>;
}

export async function startStandInApiServer(): Promise<StandInApiServer> {
  const { key, cert } = await selfSigned();
  const requests: RecordedRequest[] = [];
  let manner: number | "silence" | Answerer = 503;
  let delayMs = 0;
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    requests.push({ at: Date.now(), method, path: url, token: headers.authorization?.replace(/^Bearer /, "") ?? "" });
    const sent = await text(request);
    if (manner === "silence") return;
    await sleep(delayMs);
    const answer = typeof manner === "function" ? manner : () => failed(Number(manner));
    const { status, body } = answer({
      method,
      path: new URL(url, "https://api").pathname,
      body: sent === "" ? undefined : JSON.parse(sent),
    });
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }
  const server: Server = createServer({ key, cert }, (request, response) => {
    // Whoever gave a request up hears no answer.
    respond(request, response).catch(() => request.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("stand-in API server: no port");
  return {
    endpoint: `https://127.0.0.1:${bound.port}`,
    ca: cert,
    requests,
    answer(next, afterMs = 0) {
      manner = next;
      delayMs = afterMs;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** @param message  as an API server words it */
export function failed(status: number, message = `stand-in: ${status}`): ReturnType<Answerer> {
  return { status, body: { apiVersion: "v1", kind: "Status", status: "Failure", code: status, message } };
}
