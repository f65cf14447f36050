import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { maxInFlight } from "#lib/kube/connection.ts";
import { maxOpen, openTokenConnection } from "#lib/kube/token-connection.ts";
import { eventually } from "#test/eventually.ts";

const sockets = new Set<Socket>();
let waiting: (() => void)[] = [];
/** Answers when as many requests wait as one connection keeps in flight, so that each has a socket of its own. */
const server = createServer((_, response) => {
  waiting.push(() => void response.end("{}"));
  if (waiting.length === maxInFlight) for (const answer of waiting.splice(0)) answer();
});
// Nothing is closed but by who opened it.
server.keepAliveTimeout = 90_000;
server.on("connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  waiting = [];
});

test("who asks one large cluster after the other does not run out of files: the latest ones' connections stay", async () => {
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clusters = Array.from({ length: maxOpen + 3 }, () =>
    openTokenConnection({ server: url, caData: "", token: async () => "token" }),
  );
  const askAll = ({ send }: (typeof clusters)[number]) =>
    Promise.all(Array.from({ length: maxInFlight }, () => send({ method: "GET", path: "/" })));
  for (const cluster of clusters) await askAll(cluster);
  await eventually("the others' connections are closed", async () => sockets.size <= maxOpen * maxInFlight);
  expect(sockets.size).toBe(maxOpen * maxInFlight);
  // The first one opens new ones when it is asked again.
  const [first] = clusters;
  expect((await askAll(first as (typeof clusters)[number])).map(({ status }) => status)).toEqual(
    Array.from({ length: maxInFlight }, () => 200),
  );
});
