import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { envoyArguments } from "#lib/envoy/bootstrap.ts";
import type { SidecarConfig } from "#lib/envoy/sidecar-config.ts";
import { parseAnswer, type SidecarAnswer, verificationQuery } from "#lib/envoy/verification-query.ts";
import { ports, type SidecarFile, sidecar } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { ensureEnvoy } from "../../tools/setup/envoy.ts";
import { openNamespaces } from "../cluster/namespaces.ts";

const appUid = 1234;

/**
 * Every address is this namespace's own, there is no way out of it, and what does not come from root (Envoy, here) or go to
 * the loopback range goes to Envoy, as in a pod.
 */
const capture = `
set -e
ip route add local 10.0.0.0/8 dev lo
ip route add local 198.51.100.0/24 dev lo
iptables -t nat -A OUTPUT -d 127.0.0.0/8 -j RETURN
iptables -t nat -A OUTPUT -p tcp -m owner --uid-owner ${appUid} -j REDIRECT --to-ports ${ports.outbound}
`;

/** A sidecar's Envoy with its bootstrap and files as they are, but for where they lie. */
export interface RunningSidecar {
  /** Swaps the files as the kubelet does: a new directory, and one rename of `..data`. */
  put(files: Readonly<Record<SidecarFile, string>>): Promise<void>;
  /** What it says of itself, and the text that it says it with. */
  ask(): Promise<{ readonly says: SidecarAnswer; readonly text: string }>;
  /** Puts a configuration and waits until it runs. */
  run(config: SidecarConfig): Promise<SidecarAnswer>;
  /** A connection of the app; echoed, if anything lets it through. */
  open(destination: string): Promise<Connection>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export async function startSidecar(first: SidecarConfig): Promise<RunningSidecar> {
  const envoy = await ensureEnvoy();
  const directory = await mkdtemp(join(tmpdir(), "osm-sidecar-"));
  const relaySocket = join(directory, "relay.sock");
  const logPath = join(directory, "envoy.log");
  const namespaces = await openNamespaces();
  let version = 0;

  async function put(files: Readonly<Record<SidecarFile, string>>): Promise<void> {
    const data = `..${++version}`;
    await mkdir(join(directory, data));
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(directory, data, file), text.replaceAll(sidecar.mountPath, directory));
      if (version === 1) await symlink(join("..data", file), join(directory, file));
    }
    await symlink(data, join(directory, "..data_tmp"));
    await rename(join(directory, "..data_tmp"), join(directory, "..data"));
  }

  async function ask() {
    const query = new URLSearchParams(verificationQuery).toString();
    const { socket } = await open(`127.0.0.1:${ports.status}`);
    const request = get({ createConnection: () => socket, path: `/stats?${query}`, headers: { connection: "close" } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const text = Buffer.concat(await response.toArray()).toString();
    const says = parseAnswer(text);
    if (!says) throw new Error(`not a sidecar's answer: ${response.statusCode} ${text}`);
    return { says, text };
  }

  const open = (destination: string) => openConnection(relaySocket, destination);
  const log = () => readFile(logPath, "utf8");
  const stop = async () => {
    await namespaces.end();
    await rm(directory, { recursive: true });
  };
  try {
    await put(first.files);
    await namespaces.run(["sh", "-c", capture]);
    const relay = join(import.meta.dirname, "relay.ts");
    const command = [process.execPath, relay, relaySocket, String(appUid), "80", "443", "5432", "9000"];
    await namespaces.spawn(command, { name: "relay", logPath: join(directory, "relay.log") });
    const here = envoyArguments("error").map((argument) =>
      argument.replaceAll(sidecar.mountPath, directory).replaceAll("/run/osm-sidecar", directory),
    );
    await namespaces.spawn([envoy, ...here, "--base-id", "0"], { name: "envoy", logPath });
    await eventually("Envoy runs its first files", async () => (await ask()).says.listeners === first.digest, pace);
  } catch (error) {
    const cause = await log().catch(() => "");
    await stop();
    throw new Error(`sidecar did not start: ${cause}`, { cause: error });
  }
  return {
    put,
    ask,
    async run({ files, digest }) {
      await put(files);
      const says = async () => {
        const answer = (await ask()).says;
        return answer.listeners === digest && answer.clusters === digest && answer;
      };
      return eventually(`Envoy runs ${digest}`, says, pace);
    },
    open,
    log,
    stop,
  };
}

/** What times are taken of is looked at often. */
const pace = { withinMs: 10_000, everyMs: 10 };

export class Connection {
  readonly socket: Socket;
  received = "";
  /** Ms since the epoch. */
  closedAtMs: number | undefined;
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.received += bytes.toString();
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.closedAtMs = Date.now();
        resolve();
      }),
    );
  }

  /** Whether a word comes back. */
  async echoes(word: string): Promise<boolean> {
    const before = this.received.length;
    this.socket.write(word);
    for (const endMs = Date.now() + 2_000; Date.now() < endMs && this.closedAtMs === undefined; await sleep(5)) {
      if (this.received.slice(before).includes(word)) return true;
    }
    return false;
  }
}

function openConnection(relaySocket: string, destination: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect(relaySocket);
    socket.once("error", reject);
    socket.once("connect", () => socket.write(`${destination}\n`));
    socket.once("close", () => reject(new Error(`no connection to ${destination}`)));
    socket.once("data", () => resolve(new Connection(socket)));
  });
}
