import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { region } from "./eks-record.ts";
import { root } from "./emulator.ts";

const logStreamName = "kube-apiserver-audit-1";
const logGroupOf = (cluster: string): string => `/aws/eks/${cluster}/cluster`;

/** What EKS does where a cluster's audit log is switched on. */
export async function createAuditLogGroup(endpoint: string, cluster: string): Promise<void> {
  const client = new CloudWatchLogsClient({ endpoint, region, credentials: root });
  const logGroupName = logGroupOf(cluster);
  await client.send(new CreateLogGroupCommand({ logGroupName }));
  await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  client.destroy();
}

/** Some lines of an audit log, as one batch. */
export async function putAuditLines(endpoint: string, cluster: string, lines: readonly string[]): Promise<void> {
  const client = new CloudWatchLogsClient({ endpoint, region, credentials: root });
  await client.send(batchOf(cluster, lines));
  client.destroy();
}

function batchOf(cluster: string, lines: readonly string[]): PutLogEventsCommand {
  const logEvents = lines.map((message) => ({ timestamp: Date.now(), message }));
  return new PutLogEventsCommand({ logGroupName: logGroupOf(cluster), logStreamName, logEvents });
}

/** EKS's own forwarding of the API server's audit log, but at once where EKS takes minutes. */
export interface AuditLogShipper {
  stop(): Promise<void>;
}

const everyMs = 200;
const maxBatch = 500;

/** @param path  of the API server's audit log; what is in it already is left out */
export async function shipAuditLog(endpoint: string, cluster: string, path: string): Promise<AuditLogShipper> {
  const client = new CloudWatchLogsClient({ endpoint, region, credentials: root });
  const file = await open(path);
  let { size: position } = await file.stat();
  let rest = "";
  let stopped = false;

  async function newLines(): Promise<readonly string[]> {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - position), 0, size - position, position);
    position += bytesRead;
    const lines = (rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
    rest = lines.pop() ?? "";
    return lines;
  }

  async function ship(lines: readonly string[]): Promise<void> {
    for (let start = 0; start < lines.length; start += maxBatch) {
      await client.send(batchOf(cluster, lines.slice(start, start + maxBatch)));
    }
  }

  const shipping = (async () => {
    while (!stopped) {
      await ship(await newLines());
      await sleep(everyMs);
    }
  })();
  shipping.catch(() => undefined);
  return {
    async stop() {
      stopped = true;
      try {
        await shipping;
      } finally {
        await file.close();
        client.destroy();
      }
    },
  };
}
