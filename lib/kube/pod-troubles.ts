import { EgressError } from "../errors.ts";
import type { KubeConnection } from "./connection.ts";
import { listAll } from "./list.ts";

/** What keeps a pod from being ready, in the kubelet's and the scheduler's words. */
export interface PodTroubles {
  readonly name: string;
  readonly uid: string;
  readonly troubles: readonly string[];
}

interface RawPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly initContainerStatuses?: readonly RawContainerStatus[];
    readonly containerStatuses?: readonly RawContainerStatus[];
  };
}

interface RawContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: { readonly exitCode: number; readonly reason?: string };
  };
}

/** Longest text of the cluster's that is repeated. */
const maxTextLength = 300;
const maxEvents = 3;

/** Pods of a namespace that are not ready. */
export async function readPodTroubles(connection: KubeConnection, namespace: string): Promise<readonly PodTroubles[]> {
  return listAll(connection, `/api/v1/namespaces/${namespace}/pods`, decodeTroubles);
}

/** @returns undefined for a pod that is ready, or is being deleted */
export function decodeTroubles(object: unknown): PodTroubles | undefined {
  const { metadata, status = {} } = object as RawPod;
  const conditionOf = (type: string) => status.conditions?.find((it) => it.type === type);
  if (metadata.deletionTimestamp !== undefined || conditionOf("Ready")?.status === "True") return undefined;
  const scheduled = conditionOf("PodScheduled");
  const unscheduled = scheduled?.status === "False" ? [`not scheduled: ${oneLine(scheduled.message)}`] : [];
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return {
    name: metadata.name,
    uid: metadata.uid,
    troubles: [...unscheduled, ...containers.flatMap((it) => containerTrouble(it) ?? [])],
  };
}

function containerTrouble({ name, ready, state = {} }: RawContainerStatus): string | undefined {
  const { waiting, running, terminated } = state;
  // It waits for another, which has the trouble.
  if (waiting && waiting.reason !== "PodInitializing") {
    return [`container ${name}: ${waiting.reason ?? "waiting"}`, oneLine(waiting.message)].filter(Boolean).join(": ");
  }
  if (terminated && terminated.exitCode !== 0) {
    return `container ${name}: ${terminated.reason ?? "ended"}, exit code ${terminated.exitCode}`;
  }
  return running && ready === false ? `container ${name} is not ready` : undefined;
}

interface RawEvent {
  readonly involvedObject: { readonly uid?: string };
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
  readonly metadata: { readonly creationTimestamp?: string };
}

/** The last warnings about these objects, the newest first; or that they cannot be read. */
export async function readWarnings(
  connection: KubeConnection,
  namespace: string,
  uids: ReadonlySet<string>,
): Promise<readonly string[]> {
  try {
    const events = await listAll(
      connection,
      `/api/v1/namespaces/${namespace}/events`,
      (object) => {
        const event = object as RawEvent;
        return uids.has(event.involvedObject.uid ?? "") ? event : undefined;
      },
      { query: { fieldSelector: "type=Warning" } },
    );
    const texts = events
      .toSorted((left, right) => timeOf(right) - timeOf(left))
      .map(({ reason = "Warning", message }) => `${reason}: ${oneLine(message)}`);
    return [...new Set(texts)].slice(0, maxEvents);
  } catch (error) {
    // Whoever may restart need not be allowed to read events.
    if (error instanceof EgressError && error.reason === "api-forbidden") return ["its events may not be read"];
    throw error;
  }
}

function timeOf({ series, lastTimestamp, eventTime, metadata }: RawEvent): number {
  return Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "") || 0;
}

function oneLine(text = ""): string {
  return text.trim().replaceAll(/\s+/g, " ").slice(0, maxTextLength);
}
