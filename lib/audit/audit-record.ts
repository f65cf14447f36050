import * as z from "zod";
import { firstFault } from "../events/first-fault.ts";
import { parseJson } from "../events/parse-json.ts";
import { reconcilersGroup } from "../mesh/names.ts";

/** A write that the audit log tells of, in the words that matter here. */
export interface AuditedWrite {
  readonly auditId: string;
  readonly user: string;
  /** In Kubernetes' plural, e.g. `configmaps`. */
  readonly resource: string;
  readonly apiGroup: string;
  readonly namespace?: string;
  readonly name: string;
  /** ISO 8601: when the request came. */
  readonly at: string;
}

/** `other`: a record of something that is no finished write, or one of our own. */
export type ParsedRecord =
  | { readonly kind: "write"; readonly write: AuditedWrite }
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly problem: string };

const optionalText = z.string().exactOptional();

const identity = z.object({ username: z.string().min(1), groups: z.array(z.string()).exactOptional() });

/** What of an `audit.k8s.io/v1` Event is read, at whatever level it was recorded. */
const auditEvent = z.object({
  kind: z.literal("Event"),
  auditID: z.string().min(1),
  stage: z.string(),
  verb: z.string(),
  user: identity,
  impersonatedUser: identity.exactOptional(),
  objectRef: z
    .object({
      resource: optionalText,
      apiGroup: optionalText,
      namespace: optionalText,
      name: optionalText,
      subresource: optionalText,
    })
    .exactOptional(),
  responseStatus: z.object({ code: z.number().exactOptional() }).exactOptional(),
  requestReceivedTimestamp: z.iso.datetime(),
});

const writingVerbs = ["create", "update", "patch", "delete"];

/** Reads one line of the log. */
export function parseRecord(line: string): ParsedRecord {
  const json = parseJson(line);
  if (json === undefined) return { kind: "malformed", problem: "not JSON" };
  const parsed = auditEvent.safeParse(json);
  if (!parsed.success) {
    const { field, problem } = firstFault(parsed.error, "record");
    return { kind: "malformed", problem: `${field}: ${problem}` };
  }
  const { auditID, stage, verb, user, impersonatedUser, objectRef, responseStatus, requestReceivedTimestamp } =
    parsed.data;
  const { code = 0 } = responseStatus ?? {};
  const isDone = stage === "ResponseComplete" && code >= 200 && code < 300 && writingVerbs.includes(verb);
  // What the reconciler writes it need not be woken for.
  const groups = impersonatedUser?.groups ?? user.groups;
  if (!isDone || groups?.includes(reconcilersGroup) || objectRef?.subresource !== undefined) {
    return { kind: "other" };
  }
  const { resource = "", apiGroup = "", namespace, name = "" } = objectRef ?? {};
  return {
    kind: "write",
    write: {
      auditId: auditID,
      user: impersonatedUser ? `${user.username} as ${impersonatedUser.username}` : user.username,
      resource,
      apiGroup,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      at: new Date(requestReceivedTimestamp).toISOString(),
    },
  };
}
