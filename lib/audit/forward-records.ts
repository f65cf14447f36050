import { randomUUID } from "node:crypto";
import type { BusEntry } from "../events/fields.ts";
import { objectAudited } from "../events/hint-event.ts";
import type { MeshPlace } from "../mesh/names.ts";
import { type ParsedRecord, parseRecord } from "./audit-record.ts";
import { unpack } from "./log-records.ts";
import { notableChanges } from "./notable.ts";

export interface Forwarded {
  /** Undefined for a control message. */
  readonly cluster?: string;
  readonly records: number;
  readonly events: number;
  /** Of the first twenty events. */
  readonly correlationIds: readonly string[];
  readonly malformed: {
    readonly count: number /** Of the first one; its text may hold anything. */;
    readonly problem?: string;
  };
}

/**
 * One delivery of a cluster's audit log, to the bus. What cannot be read is counted and left out: the rest of the delivery
 * is as good as ever.
 *
 * @throws EgressError `event-malformed` where nothing of it can be read, and whatever `put` throws
 */
export async function forwardRecords(
  data: string,
  place: MeshPlace,
  put: (entries: readonly BusEntry[]) => Promise<void>,
): Promise<Forwarded> {
  const unpacked = unpack(data);
  if (!unpacked) return { records: 0, events: 0, correlationIds: [], malformed: { count: 0 } };
  const { cluster, lines } = unpacked;
  const parsed = lines.map(parseRecord);
  const writes = parsed.flatMap((one) => (one.kind === "write" ? [one.write] : []));
  const entries = notableChanges(writes, place).map(({ object, actor, at }) =>
    objectAudited({ id: randomUUID(), version: 1, cluster, time: at }, { object, actor }),
  );
  if (entries.length > 0) await put(entries);
  const correlationIds = entries.slice(0, 20).map(({ detail }) => detail.metadata.id);
  return { cluster, records: lines.length, events: entries.length, correlationIds, malformed: malformedOf(parsed) };
}

function malformedOf(parsed: readonly ParsedRecord[]): Forwarded["malformed"] {
  const malformed = parsed.flatMap((one) => (one.kind === "malformed" ? [one.problem] : []));
  const [problem] = malformed;
  return { count: malformed.length, ...(problem === undefined ? {} : { problem }) };
}
