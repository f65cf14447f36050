/**
 * The outside world's servers, run in a network namespace of their own: an HTTP site, a TLS site and a TCP echo on every
 * address there, and UDP echoes. What arrived is told on a Unix socket, which no network namespace hides; on the same one
 * the outside can be told to call somebody.
 *
 * Arguments: the control socket, the TLS site's certificate and its key.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import type { Arrival, ArrivalKind } from "./arrivals.ts";
import { outsidePorts, sites } from "./sites.ts";

type Mutable = { -readonly [Key in keyof Arrival]: Arrival[Key] };

const arrivals: Mutable[] = [];

function record(kind: ArrivalKind, from: string | undefined, port: number | undefined): Mutable {
  const now = Date.now();
  const arrival: Mutable = {
    kind,
    from: (from ?? "").replace(/^::ffff:/, ""),
    fromPort: port ?? 0,
    openedAt: now,
    lastByteAt: now,
    bytes: 0,
    paths: [],
  };
  arrivals.push(arrival);
  return arrival;
}

/** Counts a connection's bytes from its first packet on, before any protocol on it succeeds. */
function follow(kind: ArrivalKind, socket: Socket): Mutable {
  const arrival = record(kind, socket.remoteAddress, socket.remotePort);
  socket.on("data", (bytes: Buffer) => {
    arrival.bytes += bytes.length;
    arrival.lastByteAt = Date.now();
  });
  socket.on("error", (cause: NodeJS.ErrnoException) => {
    arrival.closedBy = cause.code ?? cause.message;
  });
  socket.on("end", () => {
    arrival.closedBy ??= "end";
  });
  socket.on("close", () => {
    // TLS reads past `data`.
    arrival.bytes = Math.max(arrival.bytes, socket.bytesRead);
    arrival.closedAt = Date.now();
  });
  return arrival;
}

/** `/stream` writes a line every 100 ms until the client goes; every other path answers at once. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url !== "/stream") return void response.end(`outside ${request.url}\n`);
  const ticks = setInterval(() => response.write("tick\n"), 100);
  response.on("close", () => clearInterval(ticks));
}

function listen(server: Server, where: number | string): Promise<void> {
  server.on("error", (cause) => {
    console.error(cause);
    process.exit(1);
  });
  return new Promise((resolve) => server.listen(where, resolve));
}

const [socketPath = "", certFile = "", keyFile = ""] = process.argv.slice(2);

const followed = new WeakMap<object, Mutable>();
const http = createHttpServer((request, response) => {
  followed.get(request.socket)?.paths.push(request.url ?? "");
  answer(request, response);
});
http.on("connection", (socket: Socket) => followed.set(socket, follow("http", socket)));

const tlsSite = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (socket) => {
  socket.on("error", () => undefined);
  socket.once("data", () => void socket.end("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\noutside by TLS\n"));
});
tlsSite.on("connection", (socket: Socket) => follow("tls", socket));
tlsSite.on("tlsClientError", () => undefined);

const tcpEcho = createTcpServer((socket) => {
  follow("tcp", socket);
  socket.pipe(socket);
});

/**
 * A socket for each address: from one for all of them, an answer may leave by another address than was asked. Links come
 * after this process, so an address may not be there yet.
 */
async function echoDatagrams(type: "udp4" | "udp6", address: string, port: number): Promise<void> {
  const socket = createSocket(type);
  socket.on("message", (bytes, from) => {
    record("udp", from.address, from.port).bytes = bytes.length;
    socket.send(bytes, from.port, from.address);
  });
  for (let attempt = 0; ; attempt++) {
    const fault = await new Promise<Error | undefined>((resolve) => {
      socket.once("error", resolve);
      socket.bind(port, address, () => resolve(undefined));
    });
    socket.removeAllListeners("error");
    if (!fault) return;
    if (attempt > 200) throw fault;
    await sleep(50);
  }
}

/** One line to a TCP server, and the first that comes back; empty when none does within 3 s. */
function call(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write("who is there\n")).setTimeout(3_000);
    socket.once("data", (bytes: Buffer) => void socket.end(() => resolve(bytes.toString("utf8"))));
    for (const event of ["error", "timeout", "close"]) {
      socket.once(event, () => {
        socket.destroy();
        resolve("");
      });
    }
  });
}

/**
 * GET: everything that arrived, as JSON. DELETE: forget it, but for connections that are still open.
 * POST /HOST/PORT: a call from there.
 */
const control = createHttpServer((request, response) => {
  if (request.method === "POST") {
    const [, host = "", port = ""] = (request.url ?? "").split("/");
    call(host, Number(port)).then(
      (said) => response.end(said),
      () => response.end(),
    );
    return;
  }
  if (request.method === "DELETE") {
    const open = arrivals.filter((each) => each.kind !== "udp" && each.closedAt === undefined);
    arrivals.splice(0, arrivals.length, ...open);
  }
  response.setHeader("content-type", "application/json").end(JSON.stringify(arrivals));
});

await Promise.all([
  listen(http, outsidePorts.http),
  listen(tlsSite, outsidePorts.tls),
  listen(tcpEcho, outsidePorts.tcp),
  ...[sites.udp, sites.quic, sites.dns].flatMap(({ address, address6, port }) => [
    echoDatagrams("udp4", address, port),
    echoDatagrams("udp6", address6, port),
  ]),
]);
await listen(control, socketPath);
console.log("listening");
