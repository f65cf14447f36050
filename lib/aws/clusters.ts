import { DescribeClusterCommand, EKSClient, ResourceNotFoundException } from "@aws-sdk/client-eks";
import { EgressError } from "../errors.ts";
import { managedTag } from "../events/fields.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { openTokenConnection } from "../kube/token-connection.ts";
import { eksTokens } from "./eks-token.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import type { ReconcileSettings } from "./settings.ts";

/** EKS clusters by name, spoken to as the function's own role. */
export interface Clusters {
  /** Begins to look the cluster up; what fails, fails in `use`. */
  prepare(name: string): void;
  /** @throws EgressError `cluster-unknown`, `aws-forbidden`, `aws-unavailable`, and whatever the work throws */
  use<T>(name: string, work: (connection: KubeConnection) => Promise<T>): Promise<T>;
}

/** Connections live as long as the warm function: one DescribeCluster, one TLS session, one token per 14 minutes. */
export function openClusters({ region, ownClusters }: Pick<ReconcileSettings, "region" | "ownClusters">): Clusters {
  const kept = new Map<string, Promise<KubeConnection>>();
  function open(name: string): Promise<KubeConnection> {
    const connection = kept.get(name) ?? connect(name, region, ownClusters.includes(name));
    kept.set(name, connection);
    return connection;
  }
  return {
    prepare(name) {
      open(name).catch(() => undefined);
    },
    async use(name, work) {
      const connection = open(name);
      try {
        return await work(await connection);
      } catch (error) {
        // The endpoint, the CA or the role may be another one by now.
        kept.delete(name);
        throw error;
      }
    },
  };
}

async function connect(name: string, region: string, isOwn: boolean): Promise<KubeConnection> {
  const client = new EKSClient({ region, ...clientOptions });
  try {
    const { cluster } = await client.send(new DescribeClusterCommand({ name }));
    if (!isOwn && cluster?.tags?.[managedTag] !== "true") {
      throw new EgressError("cluster-unknown", `DescribeCluster ${name}: it has no tag ${managedTag}=true`);
    }
    const caData = cluster?.certificateAuthority?.data;
    if (!cluster?.endpoint || !caData) {
      throw new EgressError(
        "aws-unavailable",
        `DescribeCluster ${name}: ${cluster?.status ?? "no cluster"}, no endpoint or CA yet`,
      );
    }
    const token = eksTokens({ cluster: name, region, credentials: client.config.credentials });
    await token();
    return openTokenConnection({ server: cluster.endpoint, caData, token });
  } catch (cause) {
    if (cause instanceof EgressError) throw cause;
    if (cause instanceof ResourceNotFoundException) {
      throw new EgressError("cluster-unknown", `DescribeCluster ${name}: no such cluster in ${region}`, cause);
    }
    throw awsFailure(`DescribeCluster ${name}`, cause);
  }
}
