import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const accountId = "000000000000";
export const region = "eu-central-1";

/** The API server that the emulator's EKS is to know. */
export interface EksCluster {
  readonly name: string;
  /** `https://address:port` */
  readonly endpoint: string;
  /** PEM. */
  readonly ca: string;
  /** Default: the emulator's usual one. */
  readonly account?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Whether its endpoint is public, as DescribeCluster tells it; default true. */
  readonly isPublic?: boolean;
}

/** `osm-egress/managed=true`, as on every cluster that is not the stack's own. */
export const managed = { "osm-egress/managed": "true" };

/**
 * Writes clusters into the state that the emulator loads at its start: made by CreateCluster they would have an endpoint
 * of the emulator's choice and no CA. Field names are the emulator's own, version 1.5.33.
 *
 * @returns for each the path under which the emulator reviews its tokens, for kube-apiserver's webhook
 */
export async function writeEksState(
  stateDirectory: string,
  clusters: readonly EksCluster[],
): Promise<readonly string[]> {
  const records = clusters.map(eksRecord);
  const state = {
    __ministack_format__: 3,
    payload: {
      clusters: {
        __account_region_scoped__: true,
        data: Object.fromEntries(
          records.map(({ account, record }) => [`${account}\0${region}\0'${record.name}'`, record]),
        ),
      },
    },
  };
  await mkdir(stateDirectory, { recursive: true });
  await writeFile(join(stateDirectory, "eks.json"), JSON.stringify(state), { mode: 0o600 });
  return records.map(
    ({ account, record }) => `/_ministack/eks-auth/${account}/${region}/${record.name}/${record._auth_token}`,
  );
}

function eksRecord({ account = accountId, ...cluster }: EksCluster) {
  const isPublic = cluster.isPublic ?? true;
  const record = {
    name: cluster.name,
    arn: `arn:aws:eks:${region}:${account}:cluster/${cluster.name}`,
    createdAt: Math.floor(Date.now() / 1000),
    version: "1.36",
    endpoint: cluster.endpoint,
    roleArn: `arn:aws:iam::${account}:role/eks`,
    resourcesVpcConfig: {
      subnetIds: [],
      securityGroupIds: [],
      endpointPublicAccess: isPublic,
      endpointPrivateAccess: !isPublic,
    },
    kubernetesNetworkConfig: { serviceIpv4Cidr: "10.100.0.0/16", ipFamily: "ipv4" },
    status: "ACTIVE",
    certificateAuthority: { data: Buffer.from(cluster.ca).toString("base64") },
    tags: cluster.tags ?? {},
    accessConfig: { authenticationMode: "API" },
    _creator_arn: null,
    _auth_token: randomBytes(32).toString("base64url"),
    _docker_id: null,
  };
  return { account, record };
}
