import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { run } from "../../tools/setup/command.ts";
import { region } from "./eks-record.ts";
import { root } from "./emulator.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const serverless = join(
  dirname(createRequire(import.meta.url).resolve("serverless/package.json")),
  "bin/serverless.js",
);

/** The stack's outputs, and what follows from its stage. */
export interface Deployment {
  readonly busName: string;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly reconcileRoleArn: string;
  readonly forwarderPolicyArn: string;
  readonly functionNames: { readonly reconcile: string; readonly "check-drift": string };
}

/**
 * `serverless deploy` of the project's own serverless.yml as it is, by the account's root. `dist` must have been built.
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
  // Packaged into the run's own directory: two runs of one checkout would share `.serverless`.
  const packaged = ["--stage", "test", "--package", join(workDirectory, "package")];
  const given = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  for (const command of ["package", "deploy"]) {
    await run([process.execPath, serverless, command, ...packaged, ...given], {
      cwd: project,
      env: environment,
      timeoutMs: 180_000,
    });
  }
  return outputs(endpoint);
}

async function outputs(endpoint: string): Promise<Deployment> {
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
    functionNames: { reconcile: `${name}-reconcile`, "check-drift": `${name}-check-drift` },
  };
}
