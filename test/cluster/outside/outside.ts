import { existsSync, readlinkSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { eventually } from "#test/eventually.ts";
import { run } from "../../../tools/setup/command.ts";
import { addresses } from "../addresses.ts";
import { createSelfSigned } from "../certificates.ts";
import type { Spawned, SpawnOptions } from "../namespaces.ts";
import type { Arrival } from "./arrivals.ts";
import { sites } from "./sites.ts";

/** The part of the internet that tests use: servers in a network namespace of their own, one hop from the node. */
export interface Outside {
  readonly sites: typeof sites;
  /** Everything that really arrived there since the start or the last `forget`, oldest first. */
  arrivals(): Promise<readonly Arrival[]>;
  /** Forgets what is over; open connections stay. */
  forget(): Promise<void>;
  /** Connects from there to a TCP server and sends it a line. @returns what it answers first; empty when it does not within 3 s */
  call(host: string, port: number): Promise<string>;
}

interface Ground {
  readonly directory: string;
  readonly initPid: number;
  spawn(name: string, command: readonly string[], options: Pick<SpawnOptions, "ownNetwork">): Promise<Spawned>;
}

export async function startOutside(ground: Ground): Promise<Outside> {
  const pair = await createSelfSigned(join(ground.directory, "pki"), sites.tls.name);
  const socket = socketIn(ground.directory);
  const script = join(import.meta.dirname, "servers.ts");
  const command = [process.execPath, script, socket, pair.certFile, pair.keyFile];
  const servers = await ground.spawn("outside", command, { ownNetwork: true });
  const until = (isTrue: () => boolean): Promise<true> =>
    eventually("the outside world has started", isTrue, {
      everyMs: 20,
      unless: () => servers.exited,
      tell: () => `see ${servers.logPath}`,
    });
  const network = (pid: number): string => readlinkSync(`/proc/${pid}/ns/net`);
  await until(() => network(servers.pid) !== network(ground.initPid) && network(servers.pid) !== network(process.pid));
  await link(ground.initPid, servers.pid);
  await until(() => existsSync(socket));
  return openOutside(ground.directory);
}

export function openOutside(directory: string): Outside {
  return {
    sites,
    arrivals: async () => JSON.parse(await ask(directory, "GET")) as readonly Arrival[],
    forget: async () => void (await ask(directory, "DELETE")),
    call: (host, port) => ask(directory, "POST", `/${host}/${port}`),
  };
}

function socketIn(directory: string): string {
  return join(directory, "outside.sock");
}

function ask(directory: string, method: string, path = "/"): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request({ socketPath: socketIn(directory), method, path, timeout: 5_000 }, (response) => resolve(text(response)))
    .on("error", reject)
    .end();
  return promise;
}

/** One link between the node and the outside, a route back, and no other. */
async function link(worldPid: number, outsidePid: number): Promise<void> {
  const inWorld = ["nsenter", `--net=/proc/${worldPid}/ns/net`];
  const inOutside = ["nsenter", `--net=/proc/${outsidePid}/ns/net`];
  const peer = ["peer", "name", "eth0", "netns", String(outsidePid)];
  await run([...inWorld, "ip", "link", "add", "outside0", "type", "veth", ...peer]);
  const own = Object.values(sites).flatMap((site) => [
    `ip address add ${site.address}/24 dev eth0`,
    // Without duplicate address detection: an address is usable at once.
    `ip address add ${site.address6}/64 dev eth0 nodad`,
  ]);
  await run([
    ...[...inOutside, "sh", "-ec"],
    [
      ...["ip link set lo up", ...own, "ip link set eth0 up"],
      `ip route add default via ${addresses.outsideRouter}`,
      `ip -6 route add default via ${addresses.outsideRouter6}`,
    ].join("\n"),
  ]);
  await run([
    ...[...inWorld, "sh", "-ec"],
    [
      `ip address add ${addresses.outsideRouter}/24 dev outside0`,
      `ip address add ${addresses.outsideRouter6}/64 dev outside0 nodad`,
      "ip link set outside0 up",
    ].join("\n"),
  ]);
}
