import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Impersonation, KubeConnection } from "#lib/kube/connection.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { osmRun } from "#test/osm-run.ts";
import { ensureKubernetesBinary } from "../../../tools/setup/kubernetes-binary.ts";
import { type ApiServerOptions, startApiServer } from "../server.ts";

const identities = {
  admin: { user: "admin", groups: ["system:masters"] },
  /** Whatever a test grants. */
  operator: { user: "operator", groups: [] },
} as const;
export type OwnIdentity = keyof typeof identities;

/** What a person sees of a command. */
export interface Ran {
  /** Standard output. */
  readonly said: string;
  /** Standard error; where the command failed, its last lines. */
  readonly complained: string;
  readonly exitCode: number;
}

/** An API server that nobody else uses: here everything that is installed can be compared, and taken away. */
export interface OwnServer {
  /** The administrator's. */
  readonly kubeconfigPath: string;
  readonly etcdUrl: string;
  connect(identity?: OwnIdentity, impersonate?: Impersonation): KubeConnection;
  /** One `osm` command, in this process, as the administrator. */
  osm(...args: readonly string[]): Promise<Ran>;
  osmAs(identity: OwnIdentity, ...args: readonly string[]): Promise<Ran>;
  /** The API server again, with these flags. */
  restart(flags: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnServer(options: ApiServerOptions = {}): Promise<OwnServer> {
  const server = await startApiServer(await ensureKubernetesBinary((line) => console.error(line)), identities, options);
  const home = mkdtempSync(join(tmpdir(), "osm-own-server-"));
  const caData = Buffer.from(server.certificateAuthority).toString("base64");
  const kubeconfig = (identity: OwnIdentity): string => {
    const file = join(home, identity);
    const contents = {
      clusters: [{ name: "c", cluster: { server: server.url, "certificate-authority-data": caData } }],
      users: [{ name: identity, user: { token: server.tokens[identity] } }],
      contexts: [{ name: "c", context: { cluster: "c", user: identity } }],
      "current-context": "c",
    };
    writeFileSync(file, JSON.stringify(contents), { mode: 0o600 });
    return file;
  };
  const osmAs: OwnServer["osmAs"] = (identity, command = "", ...args) =>
    run([command, ...args, "--kubeconfig", kubeconfig(identity)]);
  return {
    kubeconfigPath: kubeconfig("admin"),
    etcdUrl: server.etcdUrl,
    connect: (identity = "admin", impersonate) => openKubeconfig({ kubeconfig: kubeconfig(identity) }, impersonate),
    osm: (...args) => osmAs("admin", ...args),
    osmAs,
    restart: server.restart,
    async stop() {
      await server.stop();
      rmSync(home, { recursive: true });
    },
  };
}

async function run(args: readonly string[]): Promise<Ran> {
  const { stdout, stderr, exitCode } = await osmRun(...args);
  return { said: stdout, complained: stderr, exitCode };
}
