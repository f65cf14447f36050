import { type Cluster, DescribeClusterCommand, EKSClient, ResourceNotFoundException } from "@aws-sdk/client-eks";
import { EgressError } from "../errors.ts";
import { splitClusterId } from "../events/cluster-id.ts";
import { roleTag } from "../events/fields.ts";
import { openTokenConnection, type TokenConnection } from "../kube/token-connection.ts";
import { eksTokens } from "./eks-token.ts";
import { endpointAdvice } from "./endpoint-advice.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import { isManagedBy, notManaged } from "./managed-tag.ts";
import { roleCredentials } from "./role-credentials.ts";
import { accountOfRole } from "./role-list.ts";
import type { ReconcileSettings } from "./settings.ts";

export type ClusterSettings = Pick<
  ReconcileSettings,
  "region" | "account" | "busName" | "ownClusters" | "fleetRoles" | "clusterRoles" | "isInVpc"
>;

export interface ReachedCluster {
  readonly connection: TokenConnection;
  /** Where to look when nobody answers. */
  readonly advice: string;
  /** Who the function is there: a role's ARN, or words for its own. */
  readonly principal: string;
}

/**
 * One DescribeCluster and the first token. A cluster of another account is looked up as that account's fleet role; who
 * the token is for is the same role, the function's own in its own account, or in either the role of the cluster's tag.
 *
 * @param id  as `knownClusterId` gives it
 * @throws EgressError `cluster-unknown`, `aws-forbidden`, `aws-unavailable`
 */
export async function reachCluster(id: string, settings: ClusterSettings): Promise<ReachedCluster> {
  const { name, account = settings.account } = splitClusterId(id);
  const { region, busName: externalId } = settings;
  const credentialsOf = (arn: string) => roleCredentials({ arn, region, externalId });
  const fleetRole = account === settings.account ? undefined : settings.fleetRoles.get(account);
  if (account !== settings.account && fleetRole === undefined) {
    throw new EgressError("cluster-unknown", `${id}: parameter fleetRoles names no role of account ${account}`);
  }
  const client = new EKSClient({
    region,
    ...clientOptions,
    ...(fleetRole === undefined ? {} : { credentials: credentialsOf(fleetRole) }),
  });
  const cluster = await describe(client, id, name);
  // The stack's own cluster is named by whoever deploys it; an id with an account never is that.
  if (!settings.ownClusters.includes(id) && !isManagedBy(settings.busName, cluster)) {
    throw new EgressError("cluster-unknown", `DescribeCluster ${id}: ${notManaged(settings.busName, cluster)}`);
  }
  const caData = cluster?.certificateAuthority?.data;
  if (!cluster?.endpoint || !caData) {
    const status = cluster?.status ?? "no cluster";
    throw new EgressError("aws-unavailable", `DescribeCluster ${id}: ${status}, no endpoint or CA yet`);
  }
  const tokenRole = tokenRoleOf(id, account, cluster, settings);
  const credentials = tokenRole === undefined ? client.config.credentials : credentialsOf(tokenRole);
  // By AWS' clock, which the SDK has learnt from DescribeCluster's answer: EKS takes no token from ahead of its time.
  const now = () => Date.now() + client.config.systemClockOffset;
  const token = eksTokens({ cluster: name, region, credentials, now });
  await token().catch((cause: unknown) => {
    throw cause instanceof EgressError ? cause : awsFailure(`token for ${id}`, cause);
  });
  return {
    connection: openTokenConnection({ server: cluster.endpoint, caData, token }),
    advice: endpointAdvice(cluster.resourcesVpcConfig, settings.isInVpc),
    principal: tokenRole ?? fleetRole ?? "the function's own role",
  };
}

async function describe(client: EKSClient, id: string, name: string): Promise<Cluster | undefined> {
  try {
    return (await client.send(new DescribeClusterCommand({ name }))).cluster;
  } catch (cause) {
    if (cause instanceof EgressError) throw cause;
    if (cause instanceof ResourceNotFoundException) {
      throw new EgressError("cluster-unknown", `DescribeCluster ${id}: no such cluster in this region`, cause);
    }
    throw awsFailure(`DescribeCluster ${id}`, cause);
  } finally {
    // Its one request: kept, the socket would outlive the client.
    client.destroy();
  }
}

/**
 * Whoever may tag a cluster must not choose whom the function is: only among roles that the deployment names, and of
 * the cluster's own account. A token holds for every cluster of that name that lets the role in, in whatever account.
 */
function tokenRoleOf(
  id: string,
  account: string,
  { tags }: Cluster,
  { clusterRoles }: ClusterSettings,
): string | undefined {
  const role = tags?.[roleTag];
  if (role === undefined || role === "") return undefined;
  const refuse = (why: string) => new EgressError("aws-forbidden", `tag ${roleTag} of ${id} names ${role}: ${why}`);
  if (accountOfRole(role) !== account) throw refuse(`no role of account ${account}, which the cluster is in`);
  if (!clusterRoles.includes(role)) throw refuse("parameter clusterRoles does not");
  return role;
}
