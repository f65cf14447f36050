import { readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOptions, type Output, run } from "../../tools/setup/command.ts";
import { addresses } from "./addresses.ts";
import { type Authority, createAuthority, openAuthority } from "./certificates.ts";
import { addNames } from "./names.ts";
import { enterNamespaces, type Namespaces, openNamespaces, type Spawned, type SpawnOptions } from "./namespaces.ts";
import { type Outside, openOutside, startOutside } from "./outside/outside.ts";
import { sites } from "./outside/sites.ts";
import { stopOnSignals } from "./signals.ts";
import { claimSlot, releaseSlot, type Slot } from "./slot.ts";

/** One run's own network, processes and mounts; the cluster, the emulator and the outside are in it. */
export interface World {
  readonly record: WorldRecord;
  readonly name: string;
  /** Everything that the run writes; gone when it stops. */
  readonly directory: string;
  /** Of the node and every server in the world; this machine reaches it. */
  readonly address: string;
  /** Of this machine, as the world sees it. */
  readonly hostAddress: string;
  /** Process id of the world's first process: `nsenter --target`. */
  readonly initPid: number;
  readonly authority: Authority;
  /** Known before the API server runs, so that an emulator can be told first. */
  readonly apiServer: { readonly url: string /** PEM. */; readonly ca: string; readonly caFile: string };
  /** JSON lines, ./audit-policy.ts. */
  readonly auditLogPath: string;
  readonly outside: Outside;
  logPath(name: string): string;
  /** Makes the cluster's DNS answer for names outside the cluster; at once, also while it runs. */
  addNames(address: string, ...names: readonly string[]): Promise<void>;
  /** A command inside, to its end. */
  run(command: readonly string[], options?: CommandOptions): Promise<Output>;
  /** A server inside; it ends with the world at the latest. */
  spawn(name: string, command: readonly string[], options?: Omit<SpawnOptions, "name" | "logPath">): Promise<Spawned>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  /** Progress, one line each. */
  readonly log?: (line: string) => void;
}

/** Every Envoy watches its files by inotify, and all sidecars of a node are one user. */
const wantedInotifyInstances = 8192;

/** Makes an empty world: namespaces, the link to this machine, a certificate authority. Needs root. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const log = options.log ?? (() => undefined);
  if (process.getuid?.() !== 0) throw new Error("a test world needs root: it makes network namespaces and mounts");
  const slot = await claimSlot();
  await mkdir(join(slot.directory, "logs"), { recursive: true });
  raiseInotifyLimit();
  const namespaces = await openNamespaces();
  const spawned: Spawned[] = [];
  let stopped: Promise<void> | undefined;
  const stopOnce = (): Promise<void> => (stopped ??= stop());

  async function stop(): Promise<void> {
    forget();
    // In the reverse order of their start, so that nothing complains about what it lost.
    for (const each of spawned.toReversed()) each.stop(3_000).catch(() => undefined);
    await namespaces.end();
    await releaseSlot(slot);
    log(`world ${slot.name} stopped`);
  }
  const forget = stopOnSignals(stopOnce);

  try {
    // Before the first packet: what is not the link itself can never leave this machine.
    await run(["ip", "route", "add", "unreachable", slot.range, "metric", "4278198272"]);
    const host = `${slot.name}h`;
    await run([
      "ip",
      "link",
      "add",
      host,
      "type",
      "veth",
      "peer",
      "name",
      "host0",
      "netns",
      String(namespaces.initPid),
    ]);
    await run(["ip", "address", "add", `${slot.hostAddress}/30`, "dev", host]);
    await run(["ip", "link", "set", host, "up"]);
    await namespaces.run(["sh", "-ec", inside(slot.address)]);
    const authority = await createAuthority(join(slot.directory, "pki"));
    const spawn: World["spawn"] = async (name, command, more = {}) => {
      const one = await namespaces.spawn(command, { name, logPath: logPathIn(slot, name), ...more });
      spawned.push(one);
      return one;
    };
    await startOutside({ directory: slot.directory, initPid: namespaces.initPid, spawn });
    for (const site of Object.values(sites)) {
      await addNames(slot.directory, site.address, [site.name]);
      await addNames(slot.directory, site.address6, [site.name6]);
    }
    log(`world ${slot.name} at ${slot.address}`);
    return {
      ...worldIn(slot, namespaces, authority),
      spawn,
      stop: stopOnce,
    };
  } catch (cause) {
    await stopOnce();
    throw cause;
  }
}

/** A world as a file keeps it, for other processes of this machine. */
export interface WorldRecord {
  readonly slot: Slot;
  readonly initPid: number;
}

/** A world that another process holds. What this process starts inside lives on; the world ends when its holder does. */
export async function openWorld(record: WorldRecord): Promise<World> {
  return {
    ...worldIn(record.slot, enterNamespaces(record.initPid), await openAuthority(join(record.slot.directory, "pki"))),
    stop: () => Promise.reject(new Error(`world ${record.slot.name} belongs to another process`)),
  };
}

function logPathIn(slot: Slot, name: string): string {
  return join(slot.directory, "logs", `${name}.log`);
}

function worldIn(slot: Slot, namespaces: Namespaces, authority: Authority): Omit<World, "stop"> {
  return {
    record: { slot, initPid: namespaces.initPid },
    name: slot.name,
    directory: slot.directory,
    address: slot.address,
    hostAddress: slot.hostAddress,
    initPid: namespaces.initPid,
    authority,
    apiServer: {
      url: `https://${slot.address}:${addresses.apiServerPort}`,
      ca: authority.cert,
      caFile: authority.certFile,
    },
    auditLogPath: join(slot.directory, "audit.jsonl"),
    logPath: (name) => logPathIn(slot, name),
    outside: openOutside(slot.directory),
    addNames: (address, ...names) => addNames(slot.directory, address, names),
    run: namespaces.run,
    spawn: (name, command, more = {}) => namespaces.spawn(command, { name, logPath: logPathIn(slot, name), ...more }),
  };
}

/** No default route: a packet to anywhere else ends here, at once. */
function inside(address: string): string {
  const ranges4 = [addresses.outside, addresses.pods, addresses.services];
  const ranges6 = [addresses.outside6, addresses.pods6];
  return [
    ...["default", ...ranges4].map((range) => `ip route add unreachable ${range} metric 4278198272`),
    ...["default", ...ranges6].map((range) => `ip -6 route add unreachable ${range} metric 4278198272`),
    `ip address add ${address}/30 dev host0`,
    "ip link set host0 up",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
    // "No route" is said to everybody at once, not once a second.
    "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit",
    "echo 0 > /proc/sys/net/ipv6/icmp/ratelimit",
    // Replies of a pod to a Service's client on the same bridge go through iptables too.
    "for each in iptables ip6tables; do echo 1 > /proc/sys/net/bridge/bridge-nf-call-$each; done",
  ].join("\n");
}

function raiseInotifyLimit(): void {
  const path = "/proc/sys/fs/inotify/max_user_instances";
  if (Number(readFileSync(path, "utf8")) < wantedInotifyInstances) writeFileSync(path, String(wantedInotifyInstances));
}
