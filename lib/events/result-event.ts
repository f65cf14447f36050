import * as z from "zod";
import { type BusEntry, type Metadata, metadata, shortText } from "./fields.ts";
import { firstFault } from "./first-fault.ts";

const count = z.number().int().nonnegative();
/** The event that the pass answered: its id on the bus. */
const correlationId = shortText;
const optionalText = shortText.exactOptional();

const details = {
  "Egress Rollout Started": z.object({
    correlationId,
    /** What the mesh ran before; null when there never was a good value. */
    from: z.boolean().nullable(),
    to: z.boolean(),
    sidecars: count,
    source: shortText,
    actor: optionalText,
    revision: optionalText,
  }),
  "Egress Rollout Converged": z.object({
    correlationId,
    egress: z.boolean(),
    reason: z.enum(["AllVerified", "AllReachableVerified"]),
    sidecars: z.object({
      total: count,
      verified: count,
      rejected: count,
      unreachable: count,
      outsideGuarantee: count.exactOptional(),
    }),
    /** At most 20; the rest is in the EgressRollout's counters. */
    lagging: z.array(z.object({ pod: shortText, reason: shortText })).max(20),
    tookMs: count,
  }),
  "Egress Rollout Halted": z.object({
    correlationId,
    egress: z.boolean(),
    wave: count,
    /** `namespace/name` of the sidecar that rejected. */
    pod: optionalText,
    reason: shortText,
  }),
  "Egress Rollout Rolled Back": z.object({ correlationId, egress: z.boolean(), reason: shortText }),
  "Egress Value Rejected": z.object({
    correlationId,
    /** What osm-config holds, cut at 64 characters; null when the object or the key is missing. */
    raw: z.string().max(64).nullable(),
    problem: shortText,
    /** What the mesh keeps running. */
    keeps: z.boolean(),
    resourceVersion: optionalText,
    actor: optionalText,
  }),
  "Egress Drift Found": z.object({
    correlationId,
    found: z.array(z.object({ object: shortText, problem: shortText })).max(20),
  }),
  "Egress Drift Corrected": z.object({
    correlationId,
    corrected: z.array(z.object({ object: shortText, problem: shortText })).max(20),
  }),
} as const;

export type ResultType = keyof typeof details;

/** What a pass tells the world, for alarms, chat and audit; the shell adds the metadata. */
export type ResultEvent = {
  [Type in ResultType]: { readonly detailType: Type; readonly detail: Readonly<z.infer<(typeof details)[Type]>> };
}[ResultType];

export type ParsedResult =
  | { readonly ok: true; readonly event: ResultEvent; readonly metadata: Metadata }
  | { readonly ok: false; readonly field: string; readonly problem: string };

export function resultEntry(event: ResultEvent, sent: Metadata): BusEntry {
  return { source: "osm.reconciler", detailType: event.detailType, detail: { metadata: sent, ...event.detail } };
}

const sentDetail = z.object({ metadata });

/** The other way, for whoever listens: from an event's `detail-type` and `detail`. */
export function parseResult(detailType: string, detail: unknown): ParsedResult {
  if (!isResultType(detailType)) return { ok: false, field: "detail-type", problem: `unknown type ${detailType}` };
  const stamp = sentDetail.safeParse(detail);
  if (!stamp.success) return malformed(stamp.error);
  const parsed = details[detailType].safeParse(detail);
  if (!parsed.success) return malformed(parsed.error);
  return { ok: true, event: { detailType, detail: parsed.data } as ResultEvent, metadata: stamp.data.metadata };
}

function isResultType(text: string): text is ResultType {
  return Object.hasOwn(details, text);
}

function malformed(error: z.ZodError): ParsedResult {
  return { ok: false, ...firstFault(error, "detail", "detail") };
}
