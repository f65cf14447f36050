import { gunzipSync } from "node:zlib";
import * as z from "zod";
import { EgressError } from "../errors.ts";
import { clusterName } from "../events/fields.ts";
import { firstFault } from "../events/first-fault.ts";

/** What CloudWatch Logs hands to a subscriber. */
export interface LogRecords {
  readonly cluster: string;
  /** One record of the audit log each; what the filter let through by chance too. */
  readonly lines: readonly string[];
}

/** A call with more would have been cut into several by CloudWatch Logs: it holds at most 1 MiB packed. */
const maxUnpackedBytes = 64 * 1024 * 1024;

const payload = z.object({
  messageType: z.string(),
  logGroup: z.string(),
  logEvents: z.array(z.object({ message: z.string() })),
});

/**
 * @param data  base64 of gzip of JSON
 * @returns     undefined for a control message, by which CloudWatch Logs checks that somebody is there
 * @throws      EgressError `event-malformed`, naming what is wrong: nothing of it can be read
 */
export function unpack(data: string): LogRecords | undefined {
  const { messageType, logGroup, logEvents } = read(data);
  if (messageType === "CONTROL_MESSAGE") return undefined;
  const cluster = /^\/aws\/eks\/([^/]+)\/cluster$/.exec(logGroup)?.[1];
  if (!clusterName.safeParse(cluster).success) {
    throw new EgressError("event-malformed", `logGroup: ${logGroup} is not that of an EKS cluster`);
  }
  return { cluster: cluster ?? "", lines: logEvents.map(({ message }) => message) };
}

function read(data: string): z.infer<typeof payload> {
  let json: unknown;
  try {
    json = JSON.parse(gunzipSync(Buffer.from(data, "base64"), { maxOutputLength: maxUnpackedBytes }).toString("utf8"));
  } catch (cause) {
    throw new EgressError("event-malformed", `awslogs.data: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const parsed = payload.safeParse(json);
  if (parsed.success) return parsed.data;
  const { field, problem } = firstFault(parsed.error, "awslogs.data");
  throw new EgressError("event-malformed", `${field}: ${problem}`);
}
