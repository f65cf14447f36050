import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "#test/eventually.ts";

/** A Kubernetes identity of the tests, with the groups that authentication gives it. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
}

export interface ApiServer {
  readonly url: string;
  /** PEM of the API server's own authority. */
  readonly certificateAuthority: string;
  /** Bearer tokens by identity name. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly etcdUrl: string;
  /**
   * Ends the API server and starts it again on the same port and the same etcd; what it kept in memory is gone.
   *
   * @param flags  instead of those that it was started with
   */
  readonly restart: (flags?: readonly string[]) => Promise<void>;
  /** The same of etcd, with what it has stored. @returns when the API server says that it is ready again */
  readonly restartEtcd: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** For the servers to come up; 3 s are usual. */
const startTimeoutMs = 60_000;

export interface ApiServerOptions {
  /** Added to kube-apiserver's command line. */
  readonly flags?: readonly string[];
}

/**
 * A private etcd and kube-apiserver on loopback: no nodes, no controllers; default admission, RBAC, and one token per
 * identity. Everything that CEL and RBAC decide is decided here as in a whole cluster.
 *
 * @param binary  the one Kubernetes binary of the tests
 */
export async function startApiServer(
  binary: string,
  identities: Readonly<Record<string, Identity>>,
  { flags = [] }: ApiServerOptions = {},
): Promise<ApiServer> {
  if (!existsSync(binary)) throw new Error(`no Kubernetes binary at ${binary}`);
  removeLeftovers();
  const home = mkdtempSync(join(tmpdir(), `${homePrefix}${process.pid}-`));
  const children: ChildProcess[] = [];
  const stop = async () => {
    await Promise.all(children.toReversed().map(end));
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const tokens = writeTokens(home, identities);
    writeServiceAccountKeys(home);
    const [etcdPort, peerPort, port] = await freePorts(3);
    const start = (name: string, flags: readonly string[]) => {
      const child = startServer(binary, home, name, flags);
      children.push(child);
      return child;
    };
    const startEtcd = () =>
      start("etcd", [
        `--data-dir=${home}/etcd`,
        `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
        `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
        `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
        "--unsafe-no-fsync",
        "--log-level=error",
      ]);
    let etcd = startEtcd();
    const apiServerFlags = [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      `--cert-dir=${home}/certificates`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      // Without it the server looks for one of the machine's own.
      "--endpoint-reconciler-type=none",
      `--secure-port=${port}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${home}/service-account.pub`,
      `--service-account-signing-key-file=${home}/service-account.key`,
      `--token-auth-file=${home}/tokens.csv`,
      "--authorization-mode=RBAC",
      "--allow-privileged=true",
    ];
    let apiServer = start("kube-apiserver", [...apiServerFlags, ...flags]);
    const url = `https://127.0.0.1:${port}`;
    const certificateAuthority = await ready(url, home, children);
    const endOne = async (child: ChildProcess) => {
      await end(child);
      children.splice(children.indexOf(child), 1);
    };
    const restartEtcd = async () => {
      await endOne(etcd);
      etcd = startEtcd();
      await ready(url, home, children);
    };
    const restart = async (newFlags = flags) => {
      await endOne(apiServer);
      apiServer = start("kube-apiserver", [...apiServerFlags, ...newFlags]);
      await ready(url, home, children);
    };
    return { url, certificateAuthority, tokens, etcdUrl: `http://127.0.0.1:${etcdPort}`, restart, restartEtcd, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

const homePrefix = "osm-apiserver-";

/** Directories of runs that were killed; their servers died with them. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${homePrefix}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function startServer(binary: string, home: string, name: string, flags: readonly string[]): ChildProcess {
  // setpriv: the server dies with us, however we die.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", binary, name, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(join(home, `${name}.log`));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const ended = await Promise.race([exited.then(() => true), sleep(5_000, false)]);
  if (!ended) {
    child.kill("SIGKILL");
    await exited;
  }
}

function writeTokens(home: string, identities: Readonly<Record<string, Identity>>): Record<string, string> {
  const tokens: Record<string, string> = {};
  const lines = Object.entries(identities).map(([name, identity]) => {
    const token = randomBytes(16).toString("hex");
    tokens[name] = token;
    return `${token},${identity.user},${name},"${identity.groups.join(",")}"`;
  });
  writeFileSync(join(home, "tokens.csv"), lines.join("\n"), { mode: 0o600 });
  return tokens;
}

function writeServiceAccountKeys(home: string): void {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  writeFileSync(join(home, "service-account.key"), privateKey, { mode: 0o600 });
  writeFileSync(join(home, "service-account.pub"), publicKey);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** @returns the PEM that the server made for itself, once it says that it is ready */
async function ready(url: string, home: string, children: readonly ChildProcess[]): Promise<string> {
  const certificate = join(home, "certificates", "apiserver.crt");
  const { Agent, request } = await import("undici");
  const readyWith = async () => {
    if (!existsSync(certificate)) return undefined;
    const ca = readFileSync(certificate, "utf8");
    const dispatcher = new Agent({ connect: { ca } });
    try {
      const response = await request(`${url}/readyz`, { dispatcher, signal: AbortSignal.timeout(1_000) });
      await response.body.dump();
      return response.statusCode === 200 && ca;
    } finally {
      await dispatcher.close();
    }
  };
  return eventually("the API server is ready", readyWith, {
    withinMs: startTimeoutMs,
    everyMs: 100,
    unless: () => children.some((child) => child.exitCode !== null),
    tell: () => lastLines(home),
  });
}

function lastLines(home: string): string {
  return ["etcd", "kube-apiserver"]
    .map((name) => {
      const path = join(home, `${name}.log`);
      return existsSync(path) ? `${name}: ${readFileSync(path, "utf8").split("\n").slice(-8).join("\n")}` : "";
    })
    .join("\n");
}
