import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { region } from "./eks-record.ts";
import { root } from "./emulator.ts";

export interface LogLine {
  /** Ms since the epoch, when the log got it. */
  readonly at: number;
  readonly text: string;
  /** The line, when it is a JSON object: Powertools' logs and metrics are. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** Everything that a function has logged, oldest first. Lines arrive when their invocation has ended. */
export async function functionLogs(endpoint: string, functionName: string): Promise<readonly LogLine[]> {
  const client = new CloudWatchLogsClient({ endpoint, region, credentials: root });
  const lines: LogLine[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < 100; page++) {
    const answer = await client.send(
      new FilterLogEventsCommand({
        logGroupName: `/aws/lambda/${functionName}`,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    for (const { message = "", timestamp = 0 } of answer.events ?? []) {
      for (const text of message.split("\n")) {
        if (text.trim() !== "") lines.push({ at: timestamp, text, fields: objectOf(text) });
      }
    }
    if (answer.nextToken === undefined || answer.nextToken === nextToken) break;
    nextToken = answer.nextToken;
  }
  client.destroy();
  return lines;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
