import { CreateAccessEntryCommand, EKSClient } from "@aws-sdk/client-eks";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { reconcilersGroup } from "#lib/mesh/names.ts";
import type { Deployment } from "./deployment.ts";
import { accountId, region } from "./eks-record.ts";
import { type Credentials, root } from "./emulator.ts";

/** What a person with the AWS console may: put events onto the bus, and deal with the dead letters. */
function operatorPolicy({ busName }: Deployment): string {
  const queue = `arn:aws:sqs:${region}:${accountId}:${busName}`;
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: "events:PutEvents",
        Resource: `arn:aws:events:${region}:${accountId}:event-bus/${busName}`,
      },
      {
        Effect: "Allow",
        Action: [
          "sqs:GetQueueUrl",
          "sqs:GetQueueAttributes",
          "sqs:ReceiveMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:DeleteMessage",
        ],
        Resource: `${queue}-dead`,
      },
      { Effect: "Allow", Action: ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage"], Resource: queue },
    ],
  });
}

export async function createOperator(endpoint: string, deployment: Deployment): Promise<Credentials> {
  return createUser(endpoint, "operator", (client, UserName) =>
    client.send(
      new PutUserPolicyCommand({ UserName, PolicyName: "operator", PolicyDocument: operatorPolicy(deployment) }),
    ),
  );
}

/** The stack's own policy, on a user: the emulator has no Pod Identity. */
export async function createForwarder(endpoint: string, deployment: Deployment): Promise<Credentials> {
  return createUser(endpoint, "forwarder", (client, UserName) =>
    client.send(new AttachUserPolicyCommand({ UserName, PolicyArn: deployment.forwarderPolicyArn })),
  );
}

/** A user without any right. */
export async function createStranger(endpoint: string, name: string): Promise<Credentials> {
  return createUser(endpoint, name, async () => undefined);
}

async function createUser(
  endpoint: string,
  UserName: string,
  grant: (client: IAMClient, name: string) => Promise<unknown>,
): Promise<Credentials> {
  const client = new IAMClient({ endpoint, region, credentials: root });
  await client.send(new CreateUserCommand({ UserName }));
  await grant(client, UserName);
  const { AccessKey } = await client.send(new CreateAccessKeyCommand({ UserName }));
  client.destroy();
  if (!AccessKey?.AccessKeyId || !AccessKey.SecretAccessKey) throw new Error(`no access key for ${UserName}`);
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

/** The emulator knows an account's root by its number. */
export function accountRoot(account: string): Credentials {
  return { accessKeyId: account, secretAccessKey: root.secretAccessKey };
}

interface FleetRole {
  readonly account: string;
  readonly name: string;
  /** ARNs of the roles that may assume it, with this external id. */
  readonly trusted: readonly string[];
  readonly externalId: string;
}

/** As the README has it for another account's administrator. */
export async function createFleetRole(
  endpoint: string,
  { account, name, trusted, externalId }: FleetRole,
): Promise<void> {
  const client = new IAMClient({ endpoint, region, credentials: accountRoot(account) });
  const trust = {
    Effect: "Allow",
    Principal: { AWS: trusted },
    Action: "sts:AssumeRole",
    Condition: { StringEquals: { "sts:ExternalId": externalId } },
  };
  const rights = { Effect: "Allow", Action: ["eks:ListClusters", "eks:DescribeCluster"], Resource: "*" };
  const document = (statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await client.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: document(trust) }));
  await client.send(
    new PutRolePolicyCommand({ RoleName: name, PolicyName: "clusters", PolicyDocument: document(rights) }),
  );
  client.destroy();
}

/** What the stack does itself where CloudFormation knows access entries; the emulator's does not. */
export async function registerReconciler(
  endpoint: string,
  clusterName: string,
  principalArn: string,
  credentials: Credentials = root,
): Promise<void> {
  const client = new EKSClient({ endpoint, region, credentials });
  await client.send(new CreateAccessEntryCommand({ clusterName, principalArn, kubernetesGroups: [reconcilersGroup] }));
  client.destroy();
}
