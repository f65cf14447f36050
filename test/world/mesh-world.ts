import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ensureForwarderImage } from "#deploy/images/build.ts";
import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { expectOk } from "#lib/kube/objects.ts";
import { apiVersion, osmNamespace, rolloutName } from "#lib/mesh/names.ts";
import type { RolloutStatus } from "#lib/rollout/status.ts";
import { type AwsSide, planAwsSide, startAwsSide } from "#test/aws/aws-side.ts";
import type { EmulatorOptions } from "#test/aws/emulator.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { startWorld, type World } from "#test/cluster/world.ts";
import { eventually } from "#test/eventually.ts";
import { bundle } from "../../tools/bundle.ts";
import { type OsmCommand, osmCommand } from "./osm-command.ts";

/** A cluster with its AWS side, the stack deployed and nothing of the mesh installed yet. */
export interface MeshWorld {
  readonly world: World;
  readonly cluster: Cluster;
  readonly aws: AwsSide;
  readonly osm: OsmCommand;
  /** What an administrator makes before `osm install`: the namespace, and in it the forwarder's credentials. */
  prepareInstall(): Promise<void>;
  /** Flags of `osm install`, with their values: the forwarder's settings of this world. */
  readonly forwarderFlags: readonly string[];
  /** `osm install` with the forwarder's settings of this world, and whatever flags besides. @throws when it fails */
  install(...flags: readonly string[]): Promise<string>;
  status(): Promise<RolloutStatus>;
  /**
   * @param withinMs  default 10 s: much less than the schedule's minute, which would make good an event that was lost
   * @throws          when the status does not get there in time, with the one it had
   */
  untilStatus(what: string, reached: (status: RolloutStatus) => boolean, withinMs?: number): Promise<RolloutStatus>;
  stop(): Promise<void>;
}

export const clusterName = "shop";
const rolloutPath = `/apis/${apiVersion}/namespaces/${osmNamespace}/egressrollouts/${rolloutName}`;
const credentialsSecret = "osm-forwarder-aws";

export interface MeshWorldOptions {
  readonly log?: (line: string) => void;
  /** Parameters of serverless.yml's stage. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly emulator?: EmulatorOptions;
  /** What the functions find in the API server's place; its own address and authority by default. */
  readonly between?: (world: World) => Promise<{ readonly url: string; readonly ca: string }>;
}

/** Everything that a user has before `osm install`: about 30 s with warm caches. */
export async function startMeshWorld(options: MeshWorldOptions = {}): Promise<MeshWorld> {
  const log = options.log ?? (() => undefined);
  const world = await startWorld({ log });
  try {
    const { url: endpoint, ca } = (await options.between?.(world)) ?? world.apiServer;
    const plan = await planAwsSide(world, { name: clusterName, endpoint, ca });
    await bundle();
    const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin/node");
    const forwarder = await ensureForwarderImage(node, join(import.meta.dirname, "../../dist/osm.mjs"), log);
    const { authenticationTokenWebhook } = plan;
    const [cluster, aws] = await Promise.all([
      startCluster(world, { authenticationTokenWebhook, images: [forwarder], log }),
      startAwsSide(plan, options.parameters, options.emulator).then((side) => {
        log("AWS side ready: stack deployed");
        return side;
      }),
    ]);
    return meshWorld(world, cluster, aws);
  } catch (error) {
    await world.stop();
    throw error;
  }
}

function meshWorld(world: World, cluster: Cluster, aws: AwsSide): MeshWorld {
  const osm = osmCommand(cluster.kubeconfigPath);
  // Tests ask for it ten times a second, and a kubectl each time would take half of a core from the mesh that is tested.
  const connection = openKubeconfig({ kubeconfig: cluster.kubeconfigPath });
  const status = async (): Promise<RolloutStatus> => {
    const { text } = await expectOk(connection, { method: "GET", path: rolloutPath });
    return (JSON.parse(text) as { readonly status?: RolloutStatus }).status ?? {};
  };
  const prepareInstall = async (): Promise<void> => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: osmNamespace } };
    await cluster.apply(namespace, credentials(aws));
  };
  const forwarderFlags = Object.entries({
    "--event-bus-name": aws.busName,
    "--cluster-name": clusterName,
    "--region": aws.region,
    "--aws-endpoint-url": aws.endpoint,
    "--forwarder-credentials-secret": credentialsSecret,
  }).flat();
  return {
    world,
    cluster,
    aws,
    osm,
    prepareInstall,
    forwarderFlags,
    async install(...flags) {
      await prepareInstall();
      const result = await osm("install", ...flags, ...forwarderFlags);
      if (result.exitCode !== 0) throw new Error(`osm install: ${result.stdout}${result.stderr}`);
      await cluster.kubectl("rollout", "status", "deployment/osm-forwarder", "-n", osmNamespace, "--timeout=60s");
      return result.stdout;
    },
    status,
    async untilStatus(what, reached, withinMs = 10_000) {
      let last: RolloutStatus = {};
      const reachedStatus = async () => {
        last = await status();
        return reached(last) && last;
      };
      return eventually(what, reachedStatus, { withinMs, everyMs: 100, tell: () => JSON.stringify(last, null, 1) });
    },
    stop: () => world.stop(),
  };
}

/** The emulator has no Pod Identity: the forwarder's least-privilege user comes as a Secret. */
function credentials(aws: AwsSide): object {
  const { accessKeyId, secretAccessKey } = aws.credentials.forwarder;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: credentialsSecret, namespace: osmNamespace },
    stringData: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  };
}
