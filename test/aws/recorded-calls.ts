import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { request } from "undici";
import { region } from "./eks-record.ts";
import { root } from "./emulator.ts";

/** A call of an AWS API, as CloudTrail has it. */
export interface RecordedCall {
  /** `sqs`, `events`, `eks` and so on. */
  readonly service: string;
  /** `PutEvents`; for APIs by path the method and the service. */
  readonly action: string;
  /** By the SDK's application id, which is the function's name; undefined for everybody else. */
  readonly functionName: string | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The emulator gives 50 for one question, and no token for the next. */
const pageSize = 50;
const maxPages = 400;

/** Begins or ends the recording of an emulator that was started with the other. */
export async function setRecording(endpoint: string, on: boolean): Promise<void> {
  const setting = "cloudtrail._recording_enabled";
  const { body } = await request(`${endpoint}/_ministack/config`, {
    method: "POST",
    body: JSON.stringify({ [setting]: String(on) }),
  });
  const { applied } = (await body.json()) as { readonly applied?: Readonly<Record<string, unknown>> };
  if (applied?.[setting] !== on) throw new Error(`the emulator's recording is not ${on ? "on" : "off"}`);
}

/** Every call since then, or since the recording began, newest first; the emulator keeps the last 10,000. */
export async function recordedCalls(endpoint: string, sinceMs = 0): Promise<readonly RecordedCall[]> {
  const client = new CloudTrailClient({ endpoint, region, credentials: root });
  const calls = new Map<string, RecordedCall>();
  try {
    let EndTime: Date | undefined;
    for (let page = 0; page < maxPages; page++) {
      const { Events = [] } = await client.send(
        new LookupEventsCommand({
          MaxResults: pageSize,
          StartTime: new Date(sinceMs),
          ...(EndTime === undefined ? {} : { EndTime }),
        }),
      );
      const before = calls.size;
      for (const { EventId = "", CloudTrailEvent = "{}" } of Events) calls.set(EventId, recordedCall(CloudTrailEvent));
      if (calls.size === before) return [...calls.values()];
      // Its times are finer than a Date's: the next page begins with some of this one.
      EndTime = new Date((Events.at(-1)?.EventTime?.getTime() ?? 0) + 1);
    }
    throw new Error(`more than ${maxPages * pageSize} calls are recorded`);
  } finally {
    client.destroy();
  }
}

interface TrailEvent {
  readonly eventSource: string;
  readonly eventName: string;
  readonly userAgent: string;
  readonly requestParameters?: Readonly<Record<string, unknown>>;
}

function recordedCall(text: string): RecordedCall {
  const { eventSource, eventName, userAgent, requestParameters = {} } = JSON.parse(text) as TrailEvent;
  return {
    service: eventSource.replace(".amazonaws.com", ""),
    action: eventName,
    // Powertools adds a suffix of its own.
    functionName: /\bapp\/(\S+?)(?:-PT-\S*)?(?: |$)/.exec(userAgent)?.[1],
    parameters: requestParameters,
  };
}
