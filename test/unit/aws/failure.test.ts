import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { clientOptions } from "#lib/aws/failure.ts";

test("a call that is never answered fails after its time, and is tried again", async () => {
  let connections = 0;
  const silent = createServer(() => void connections++).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const client = new SQSClient({
    ...clientOptions,
    maxAttempts: 2,
    requestHandler: { ...clientOptions.requestHandler, requestTimeout: 200 },
    endpoint: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });
  const call = client.send(new SendMessageCommand({ QueueUrl: "http://127.0.0.1/q", MessageBody: "m" }));
  await expect(call).rejects.toThrow(/200 ms/);
  expect(connections).toBe(2);
  client.destroy();
  silent.close();
});
