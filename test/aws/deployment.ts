import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { bundleFunctions } from "../../tools/bundle.ts";
import { run } from "../../tools/setup/command.ts";
import { region } from "./eks-record.ts";
import { root } from "./emulator.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const serverless = join(
  dirname(createRequire(import.meta.url).resolve("serverless/package.json")),
  "bin/serverless.js",
);

export const functionNames = ["reconcile", "check-drift", "gitops-webhook", "forward-audit-log"] as const;
export type FunctionName = (typeof functionNames)[number];

/** The stack's outputs, and what follows from its stage. */
export interface Deployment {
  readonly busName: string;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly reconcileRoleArn: string;
  readonly forwarderPolicyArn: string;
  /** Where the deployed functions' bundles are: `functions/reconcile.mjs` and so on. */
  readonly bundles: string;
  /** Of the GitOps webhook, as the emulator serves it; ends with a slash. */
  readonly webhookUrl: string;
  readonly functionNames: Readonly<Record<FunctionName, string>>;
}

/**
 * `serverless deploy` of the project's own serverless.yml as it is, by the account's root.
 *
 * It runs beside a copy of that file and functions that are built for it: Serverless writes to `.serverless` beside the
 * file whatever one asks for, and two runs of one checkout would take each other's packages.
 *
 * @param parameters  of the stage, as on the command line
 */
export async function deploy(
  endpoint: string,
  workDirectory: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Deployment> {
  const environment = {
    PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    HOME: workDirectory,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
    SLS_NOTIFICATIONS_MODE: "off",
    SLS_TELEMETRY_DISABLED: "1",
  };
  await mkdir(workDirectory, { recursive: true });
  await copyFile(join(project, "serverless.yml"), join(workDirectory, "serverless.yml"));
  const bundles = join(workDirectory, "dist");
  await bundleFunctions(bundles);
  const given = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  await run([process.execPath, serverless, "deploy", "--stage", "test", ...given], {
    cwd: workDirectory,
    env: environment,
    timeoutMs: 180_000,
  });
  return { ...(await outputs(endpoint)), bundles };
}

async function outputs(endpoint: string): Promise<Omit<Deployment, "bundles">> {
  const name = "osm-egress-test";
  const client = new CloudFormationClient({ endpoint, region, credentials: root });
  const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: name }));
  client.destroy();
  const output = (key: string): string => {
    const value = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue;
    if (!value) throw new Error(`stack ${name} has no output ${key}`);
    return value;
  };
  return {
    busName: output("BusName"),
    queueUrl: output("QueueUrl"),
    deadLetterUrl: output("DeadLetterQueueUrl"),
    reconcileRoleArn: output("ReconcileRoleArn"),
    forwarderPolicyArn: output("ForwarderPolicyArn"),
    // Its host would be found by DNS; the emulator takes the id as a path too.
    webhookUrl: `${endpoint}/_aws/lambda-url/${new URL(output("WebhookUrl")).hostname.split(".")[0]}/`,
    functionNames: Object.fromEntries(functionNames.map((one) => [one, `${name}-${one}`])) as Record<
      FunctionName,
      string
    >,
  };
}
