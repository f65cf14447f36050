// Runs in a pod's network: one connection that sends, one that stays idle, and new ones as fast as they come. Prints one
// JSON line for each turn of events, with ms since the epoch.
//
//   connections.mjs HOST PORT
import { connect } from "node:net";

const [, , host, port] = process.argv;
const now = () => performance.timeOrigin + performance.now();
const say = (event, at = now(), more = {}) => console.log(JSON.stringify({ event, at, ...more }));

/** Connects, sends a line and waits for its echo: only then is the other half surely there. */
function open() {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true });
    socket.once("error", reject).once("close", () => reject(new Error("closed")));
    socket.once("data", () => resolve(socket));
    socket.write("hello\n");
  });
}

function follow(name, socket) {
  socket.removeAllListeners("error").removeAllListeners("close");
  socket.on("error", () => undefined).on("data", () => undefined);
  socket.once("close", () => say(`${name} cut`));
}

const [sending, idle] = await Promise.all([open(), open()]);
follow("sending", sending);
follow("idle", idle);
const beat = setInterval(() => sending.writable && sending.write("beat\n"), 5);
sending.once("close", () => clearInterval(beat));
say("open");

// A fifth of a second behind the first refusal, in case another one still gets through.
let refusedAt = Infinity;
let lastThrough = 0;
const endAt = now() + 60_000;
while (now() < Math.min(refusedAt + 200, endAt)) {
  const begun = now();
  try {
    const socket = await open();
    lastThrough = begun;
    socket
      .removeAllListeners("close")
      .on("error", () => undefined)
      .destroy();
    await new Promise((resolve) => setTimeout(resolve, 1));
  } catch {
    refusedAt = Math.min(refusedAt, now());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
say("refused", refusedAt, { lastThrough });
