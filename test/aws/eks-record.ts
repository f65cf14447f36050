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
}

/**
 * Writes the cluster into the state that the emulator loads at its start: made by CreateCluster it would have an endpoint
 * of the emulator's choice and no CA. Field names are the emulator's own, version 1.5.33.
 *
 * @returns the path under which the emulator reviews this cluster's tokens, for kube-apiserver's webhook
 */
export async function writeEksState(stateDirectory: string, cluster: EksCluster): Promise<string> {
  const secret = randomBytes(32).toString("base64url");
  const record = {
    name: cluster.name,
    arn: `arn:aws:eks:${region}:${accountId}:cluster/${cluster.name}`,
    createdAt: Math.floor(Date.now() / 1000),
    version: "1.36",
    endpoint: cluster.endpoint,
    roleArn: `arn:aws:iam::${accountId}:role/eks`,
    resourcesVpcConfig: { subnetIds: [], securityGroupIds: [], endpointPublicAccess: true },
    kubernetesNetworkConfig: { serviceIpv4Cidr: "10.100.0.0/16", ipFamily: "ipv4" },
    status: "ACTIVE",
    certificateAuthority: { data: Buffer.from(cluster.ca).toString("base64") },
    tags: {},
    accessConfig: { authenticationMode: "API" },
    _creator_arn: null,
    _auth_token: secret,
    _docker_id: null,
  };
  const state = {
    __ministack_format__: 3,
    payload: {
      clusters: {
        __account_region_scoped__: true,
        data: { [`${accountId}\0${region}\0'${cluster.name}'`]: record },
      },
    },
  };
  await mkdir(stateDirectory, { recursive: true });
  await writeFile(join(stateDirectory, "eks.json"), JSON.stringify(state), { mode: 0o600 });
  return `/_ministack/eks-auth/${accountId}/${region}/${cluster.name}/${secret}`;
}
