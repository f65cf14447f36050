import { GetRolePolicyCommand, IAMClient, ListRolePoliciesCommand } from "@aws-sdk/client-iam";
import type { AwsSide } from "./aws-side.ts";
import type { FunctionName } from "./deployment.ts";
import { type RecordedCall, recordedCalls } from "./recorded-calls.ts";

/** What a function's role allows and what its process did, both as `service:Action`, and of which queue or secret. */
export interface RoleUse {
  readonly granted: readonly string[];
  readonly used: readonly string[];
}

export async function roleUse(aws: AwsSide, name: FunctionName): Promise<RoleUse> {
  const functionName = aws.functionNames[name];
  const calls = (await recordedCalls(aws.endpoint)).filter((call) => call.functionName === functionName);
  return {
    granted: [...new Set(await grantsOf(aws, functionName))].sort(),
    used: [...new Set(calls.flatMap(usesOf))].sort(),
  };
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

async function grantsOf({ endpoint, region, credentials }: AwsSide, RoleName: string): Promise<readonly string[]> {
  const client = new IAMClient({ endpoint, region, credentials: credentials.root });
  try {
    const { PolicyNames = [] } = await client.send(new ListRolePoliciesCommand({ RoleName }));
    const policies = PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument = "" } = await client.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      return JSON.parse(decodeURIComponent(PolicyDocument)) as { readonly Statement: readonly Statement[] };
    });
    const statements = (await Promise.all(policies)).flatMap((policy) => policy.Statement);
    return statements.flatMap(({ Effect, Action, Resource }) => {
      if (Effect !== "Allow") throw new Error(`${RoleName}: a statement with effect ${Effect}`);
      return [Action].flat().flatMap((action) => [Resource].flat().map((resource) => named(action, resource)));
    });
  } finally {
    client.destroy();
  }
}

/** Of queues and secrets the name too: a role has several of them. */
function named(action: string, resource: string): string {
  const name = resource
    .split(":")
    .at(-1)
    ?.replace(/-\?{6}$/, "");
  return /^(sqs|secretsmanager):/.test(action) ? `${action} ${name}` : action;
}

/** The emulator's recording tells no path, and so not which of EKS's two reads it was: both are taken for used. */
function usesOf({ service, action, parameters }: RecordedCall): readonly string[] {
  const text = (key: string) => String(parameters[key] ?? "");
  if (service === "sqs") return [`sqs:${action} ${text("QueueUrl").split("/").at(-1)}`];
  if (service === "secretsmanager") return [`secretsmanager:${action} ${text("SecretId")}`];
  if (service === "eks" && action === "GET.eks") return ["eks:DescribeCluster", "eks:ListClusters"];
  return [`${service}:${action}`];
}
