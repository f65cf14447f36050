import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import type { AwsSide } from "./aws-side.ts";
import type { Credentials } from "./emulator.ts";

/** As `aws events put-events` does it. @throws when it was not taken */
export async function putEvent(
  { endpoint, region, busName }: Pick<AwsSide, "endpoint" | "region" | "busName">,
  credentials: Credentials,
  source: string,
  detailType: string,
  detail: object,
): Promise<string> {
  const client = new EventBridgeClient({ endpoint, region, credentials });
  try {
    const { Entries } = await client.send(
      new PutEventsCommand({
        Entries: [{ EventBusName: busName, Source: source, DetailType: detailType, Detail: JSON.stringify(detail) }],
      }),
    );
    const id = Entries?.[0]?.EventId;
    if (id === undefined) throw new Error(`event not taken: ${Entries?.[0]?.ErrorCode ?? "no answer"}`);
    return id;
  } finally {
    client.destroy();
  }
}
