import { readFile } from "node:fs/promises";
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from "@aws-sdk/client-cloudformation";
import type { AwsSide } from "#test/aws/aws-side.ts";
import type { StandInApiServer } from "#test/aws/stand-in-api-server.ts";

/** A function that does one bare HTTPS GET for each message of its own queue: what a start costs at the least. */
export interface BareFunction {
  readonly name: string;
  readonly queueUrl: string;
}

export const bareHandler = new URL("bare-handler.mjs", import.meta.url);
const name = "bare";

/** With the size, the runtime and the kind of mapping that the real one has. */
export async function deployBareFunction(
  { endpoint, region, credentials }: AwsSide,
  api: StandInApiServer,
): Promise<BareFunction> {
  const client = new CloudFormationClient({ endpoint, region, credentials: credentials.root });
  try {
    const StackName = name;
    const TemplateBody = JSON.stringify(template(await readFile(bareHandler, "utf8"), api));
    await client.send(new CreateStackCommand({ StackName, TemplateBody, Capabilities: ["CAPABILITY_NAMED_IAM"] }));
    await waitUntilStackCreateComplete({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { StackName });
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }));
    const queueUrl = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === "QueueUrl")?.OutputValue;
    if (!queueUrl) throw new Error("stack bare has no queue");
    return { name, queueUrl };
  } finally {
    client.destroy();
  }
}

function template(code: string, api: StandInApiServer): object {
  const arn = (logicalId: string) => ({ "Fn::GetAtt": [logicalId, "Arn"] });
  return {
    Resources: {
      Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: name, VisibilityTimeout: 60 } },
      Role: {
        Type: "AWS::IAM::Role",
        Properties: {
          RoleName: name,
          AssumeRolePolicyDocument: {
            Version: "2012-10-17",
            Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
          },
          Policies: [
            {
              PolicyName: name,
              PolicyDocument: {
                Version: "2012-10-17",
                Statement: [
                  {
                    Effect: "Allow",
                    Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                    Resource: arn("Queue"),
                  },
                ],
              },
            },
          ],
        },
      },
      Function: {
        Type: "AWS::Lambda::Function",
        Properties: {
          FunctionName: name,
          Runtime: "nodejs24.x",
          Handler: "index.handler",
          Role: arn("Role"),
          MemorySize: 1024,
          Timeout: 10,
          Code: { ZipFile: code },
          Environment: { Variables: { BARE_URL: `${api.endpoint}/readyz`, BARE_CA: api.ca } },
        },
      },
      Mapping: {
        Type: "AWS::Lambda::EventSourceMapping",
        Properties: { EventSourceArn: arn("Queue"), FunctionName: { Ref: "Function" }, BatchSize: 1 },
      },
    },
    Outputs: { QueueUrl: { Value: { Ref: "Queue" } } },
  };
}
