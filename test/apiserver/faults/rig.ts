import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forwarderAccess } from "#deploy/rbac/forwarder.ts";
import { installationOf } from "#lib/cli/install.ts";
import { parametersOf } from "#lib/cli/install-options.ts";
import { readInstalled } from "#lib/cli/installed.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { openTokenConnection } from "#lib/kube/token-connection.ts";
import { maxLeaseSeconds } from "#lib/mesh/fencing.ts";
import { eventually } from "#test/eventually.ts";
import { type FaultProxy, startFaultProxy } from "#test/faults/proxy/fault-proxy.ts";
import { bundle } from "../../../tools/bundle.ts";
import { ensureKubernetesBinary } from "../../../tools/setup/kubernetes-binary.ts";
import { applyAll } from "../api.ts";
import { type ApiServer, startApiServer } from "../server.ts";
import { identities } from "../setup.ts";
import type { Child } from "./child.ts";
import { startForwarder } from "./forwarder-process.ts";
import { type FunctionProcess, startFunction } from "./function-process.ts";
import { Message } from "./message.ts";
import { type SidecarStandIns, startSidecarStandIns } from "./sidecar-stand-ins.ts";
import { isTokenInTime } from "./signing-time.ts";
import { createNamespace, createPods, meshPods, setEgress, statusNow } from "./small-mesh.ts";
import { type StandInAws, startStandInAws } from "./stand-in-aws.ts";

/** A real API server with a mesh, and everything that stands between it and what is shipped. */
export interface Rig {
  /** Past the proxy. */
  readonly admin: KubeConnection;
  readonly server: ApiServer;
  readonly proxy: FaultProxy;
  readonly aws: StandInAws;
  readonly sidecars: SidecarStandIns;
  /** What is shipped, as it is built: paths of the function's handler and of the command. */
  readonly built: { readonly handler: string; readonly osm: string };
  /** A directory that goes with the rig. */
  readonly home: string;
  /** For how long the Lease of a function that is started from now on is good. */
  leaseSeconds: number;
  /** Tokens of functions that the API server has seen so far are good no more; the next ones are. */
  expireTokens(): void;
  /** @param clockAheadMs  by how much its clock is wrong; default 0 */
  startFunction(name: string, clockAheadMs?: number): Promise<FunctionProcess>;
  /** `osm forward`. @param name  `forwarder-` and a number */
  startForwarder(name: string): Child;
  stop(): Promise<void>;
}

/** As its pod has it. */
const forwarder = {
  user: "system:serviceaccount:osm-system:osm-forwarder",
  groups: ["system:serviceaccounts", "system:serviceaccounts:osm-system"],
};

export async function startRig(): Promise<Rig> {
  const home = mkdtempSync(join(tmpdir(), "osm-faults-"));
  const ends: (() => Promise<void>)[] = [async () => rmSync(home, { recursive: true })];
  const stop = async () => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    const building = bundle(["functions/reconcile", "osm"], home);
    const sidecars = await startSidecarStandIns(join(home, "sidecars"));
    ends.push(() => sidecars.close());
    const selector = join(home, "egress-selector.json");
    writeFileSync(selector, JSON.stringify(sidecars.selector));
    const server = await startApiServer(
      await ensureKubernetesBinary((line) => console.error(line)),
      { ...identities, forwarder },
      { flags: [`--egress-selector-config-file=${selector}`] },
    );
    ends.push(() => server.stop());
    const caData = Buffer.from(server.certificateAuthority).toString("base64");
    const admin = openTokenConnection({
      server: server.url,
      caData,
      token: async () => server.tokens["admin"] ?? "",
    });
    const tokens = new Set<string>();
    const expired = new Set<string>();
    const proxy = await startFaultProxy(
      { url: server.url, ca: server.certificateAuthority },
      {
        authenticate(token) {
          if (token.startsWith("k8s-aws-v1.")) tokens.add(token);
          return expired.has(token) ? undefined : identityOf(token, server);
        },
      },
    );
    ends.push(() => proxy.close());
    const aws = await startStandInAws({ endpoint: proxy.url, ca: proxy.ca });
    ends.push(() => aws.close());
    await building;
    const built = { handler: join(home, "functions/reconcile.mjs"), osm: join(home, "osm.mjs") };
    const rig: Rig = {
      admin,
      server,
      proxy,
      aws,
      sidecars,
      built,
      home,
      leaseSeconds: maxLeaseSeconds,
      expireTokens() {
        for (const token of tokens) expired.add(token);
      },
      async startFunction(name, clockAheadMs = 0) {
        const { leaseSeconds } = rig;
        const started = await startFunction(name, {
          handler: built.handler,
          awsUrl: aws.url,
          clockAheadMs,
          leaseSeconds,
        });
        ends.push(() => started.kill());
        return started;
      },
      startForwarder(name) {
        const started = startForwarder(name, { osm: built.osm, awsUrl: aws.url, api: proxy, home });
        ends.push(() => started.kill());
        return started;
      },
      stop,
    };
    await installMesh(rig);
    return rig;
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** As EKS does it: who signed the token is who asks. The reconciler's rights are the same for all of its processes. */
function identityOf(token: string, { tokens }: ApiServer) {
  const signed = Buffer.from(token.replace(/^k8s-aws-v1\./, ""), "base64url").toString("utf8");
  const signer = /X-Amz-Credential=([^%/&]+)/.exec(signed)?.[1];
  const [, date = ""] = /X-Amz-Date=([^&]+)/.exec(signed) ?? [];
  if (signer !== undefined)
    return isTokenInTime(date) ? { identity: signer, token: tokens["reconciler"] ?? "" } : undefined;
  const [, name = ""] = /^(forwarder-\d+)$/.exec(token) ?? [];
  return name === "" ? undefined : { identity: name, token: tokens["forwarder"] ?? "" };
}

async function installMesh(rig: Rig): Promise<void> {
  const { admin, sidecars } = rig;
  const flags = { meshName: "osm", output: "yaml" } as const;
  const parameters = parametersOf(flags, "osm-system", await readInstalled(admin, "osm-system"));
  for (const step of installationOf(admin, parameters).steps) await step.run(() => undefined);
  await applyAll(admin, forwarderAccess(parameters));
  await createNamespace(admin);
  const first = await rig.startFunction("setup");
  await new Message("drift").untilDone(first);
  await eventually(
    "pods are injected",
    async () => {
      await createPods(admin);
      return true;
    },
    { withinMs: 60_000 },
  );
  await sidecars.follow(admin, meshPods);
  await setEgress(admin, false);
  await new Message("drift").untilDone(first);
  const { conditions, sidecars: counts } = await statusNow(admin);
  if (counts?.verified !== meshPods.length)
    throw new Error(`mesh not verified: ${JSON.stringify({ counts, conditions })}`);
  await first.kill();
}
