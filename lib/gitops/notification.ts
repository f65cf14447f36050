import * as z from "zod";
import { shortText } from "../events/fields.ts";
import { firstFault } from "../events/first-fault.ts";
import type { GitopsOwner } from "../mesh/gitops-owner.ts";

export interface Notification {
  readonly owner: GitopsOwner;
  readonly revision: string;
  /** ISO 8601: when the tool says that it was applied. */
  readonly occurredAt: string;
}

/** `nothing-applied`: well-formed, and about something else, such as a failure or the progress of one. */
export type ParsedNotification =
  | { readonly kind: "applied"; readonly notification: Notification }
  | { readonly kind: "nothing-applied"; readonly occurredAt: string }
  | { readonly kind: "malformed"; readonly field: string; readonly problem: string };

/** As notification-controller sends it. */
const fluxEvent = z.object({
  involvedObject: z.object({ kind: shortText, namespace: shortText.exactOptional(), name: shortText }),
  reason: z.string(),
  timestamp: z.iso.datetime({ offset: true }),
  metadata: z.record(z.string(), z.string()).nullish(),
});

/** As the README's template for Argo CD's notifications makes it. */
const argoEvent = z.object({
  application: shortText,
  namespace: shortText.exactOptional(),
  // What Go's templates make of a field that there is not.
  revision: shortText.refine((text) => !text.includes("<no value>"), "no revision"),
  timestamp: z.iso.datetime({ offset: true }),
});

const appliers = ["Kustomization", "HelmRelease"];
/** Others come with a revision too: that it is being applied, waits for something, or was given up. */
const applied = ["ReconciliationSucceeded", "InstallSucceeded", "UpgradeSucceeded", "RollbackSucceeded"];

export function parseFlux(json: unknown): ParsedNotification {
  const parsed = fluxEvent.safeParse(json);
  if (!parsed.success) return malformed(parsed.error);
  const { involvedObject: owner, reason, timestamp, metadata } = parsed.data;
  const revision = revisionOf(metadata ?? {});
  if (!applied.includes(reason) || revision === undefined || !appliers.includes(owner.kind)) {
    return { kind: "nothing-applied", occurredAt: utc(timestamp) };
  }
  return { kind: "applied", notification: { owner, revision, occurredAt: utc(timestamp) } };
}

export function parseArgo(json: unknown): ParsedNotification {
  const parsed = argoEvent.safeParse(json);
  if (!parsed.success) return malformed(parsed.error);
  const { application: name, namespace, revision, timestamp } = parsed.data;
  const owner = { kind: "Application", ...(namespace === undefined ? {} : { namespace }), name };
  return { kind: "applied", notification: { owner, revision, occurredAt: utc(timestamp) } };
}

function utc(timestamp: string): string {
  return new Date(timestamp).toISOString();
}

/** The controller strips its objects' group from the keys; the controllers that it is told by do not. */
function revisionOf(metadata: Readonly<Record<string, string>>): string | undefined {
  const key = Object.keys(metadata).find((name) => name === "revision" || name.endsWith(".fluxcd.io/revision"));
  const revision = key === undefined ? undefined : metadata[key];
  return shortText.safeParse(revision).data;
}

function malformed(error: z.ZodError): ParsedNotification {
  return { kind: "malformed", ...firstFault(error, "body") };
}
