/**
 * Runs inside a network namespace that has nothing but its loopback. An app's connections come out of this process, which
 * is not root, so that they are captured; the echo servers are everything that an app might want to reach.
 *
 *   node relay.ts SOCKET UID PORT…
 *
 * A client of SOCKET says `10.96.0.20:80` and a line feed, and is connected there from then on.
 */
import { chmodSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

const [socketPath = "", uid = "", ...echoPorts] = process.argv.slice(2);

function join(left: Socket, right: Socket): void {
  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const) {
    from.on("error", () => undefined);
    from.on("close", () => to.destroy());
  }
  left.pipe(right).pipe(left);
}

const relay = createServer((client) => {
  client.once("data", (first) => {
    const [address = "", port = ""] = first.toString().trim().split(":");
    const upstream = connect(Number(port), address);
    upstream.once("connect", () => client.write("connected\n"));
    join(client, upstream);
  });
  client.on("error", () => undefined);
});

for (const port of echoPorts) {
  createServer((socket) => socket.on("error", () => undefined).pipe(socket)).listen(Number(port), "0.0.0.0");
}
relay.listen(socketPath, () => {
  chmodSync(socketPath, 0o777);
  process.setuid?.(Number(uid));
  console.log("ready");
});
