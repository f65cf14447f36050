import { join } from "node:path";
import { createAuditLogGroup } from "./audit-log.ts";
import { type Deployment, deploy, type FunctionName } from "./deployment.ts";
import { type EksCluster, region, writeEksState } from "./eks-record.ts";
import { type Credentials, type EmulatorOptions, root, startEmulator } from "./emulator.ts";
import { functionLogs, type LogLine } from "./function-logs.ts";
import { createForwarder, createOperator, registerReconciler } from "./identities.ts";
import type { Place, Running } from "./place.ts";

/** Known before anything runs, so that the API server can be told. */
export interface AwsPlan {
  readonly place: Place;
  readonly cluster: EksCluster;
  readonly port: number;
  /** `http://address:port`, for `AWS_ENDPOINT_URL`. */
  readonly endpoint: string;
  readonly region: string;
  /** Where the API server has tokens reviewed: `startCluster(world, { authenticationTokenWebhook })`. */
  readonly authenticationTokenWebhook: { readonly url: string };
  /** The same for each of the other clusters. */
  readonly otherWebhooks: readonly { readonly url: string }[];
}

export interface AwsSide extends AwsPlan, Deployment {
  readonly credentials: {
    /** The account's root. */
    readonly root: Credentials;
    /** May put events, and look at the dead letters. */
    readonly operator: Credentials;
    /** May put events of `osm.forwarder`. */
    readonly forwarder: Credentials;
  };
  readonly emulator: Running;
  logs(name: FunctionName): Promise<readonly LogLine[]>;
  /** `serverless deploy` again. @param parameters  of the stage; those not named have their defaults */
  redeploy(parameters: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param cluster  the stack's own
 * @param others   that EKS is to know besides; they have no access entries
 */
export async function planAwsSide(
  place: Place,
  cluster: EksCluster,
  port = 4566,
  others: readonly EksCluster[] = [],
): Promise<AwsPlan> {
  const endpoint = `http://${place.address}:${port}`;
  const [own = "", ...rest] = await writeEksState(stateOf(place), [cluster, ...others]);
  const otherWebhooks = rest.map((path) => ({ url: endpoint + path }));
  return {
    place,
    cluster,
    port,
    endpoint,
    region,
    authenticationTokenWebhook: { url: endpoint + own },
    otherWebhooks,
  };
}

/**
 * The emulator with our stack in it, the cluster known to its EKS, and the identities of a small team.
 *
 * @param parameters  of serverless.yml's stage; `cluster` is given already
 */
export async function startAwsSide(
  plan: AwsPlan,
  parameters: Readonly<Record<string, string>> = {},
  options: EmulatorOptions = {},
): Promise<AwsSide> {
  const { place, cluster, endpoint } = plan;
  const emulator = await startEmulator(place, plan.port, stateOf(place), options);
  try {
    await createAuditLogGroup(endpoint, cluster.name);
    const deployWith = (given: Readonly<Record<string, string>>) =>
      deploy(endpoint, join(place.directory, "deploy"), { cluster: cluster.name, ...given });
    const deployment = await deployWith(parameters);
    await registerReconciler(endpoint, cluster.name, deployment.reconcileRoleArn);
    return {
      ...plan,
      ...deployment,
      credentials: {
        root,
        operator: await createOperator(endpoint, deployment),
        forwarder: await createForwarder(endpoint, deployment),
      },
      emulator,
      logs: (name) => functionLogs(endpoint, deployment.functionNames[name]),
      async redeploy(given) {
        await deployWith(given);
      },
      stop: () => emulator.stop(),
    };
  } catch (cause) {
    await emulator.stop();
    throw cause;
  }
}

function stateOf(place: Place): string {
  return join(place.directory, "aws-state");
}
