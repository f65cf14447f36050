import { forbiddingLevel } from "./pod-security.ts";

/** Why the API server refused (403, 422), read from its own message. */
export type Refusal =
  | ({ readonly kind: "rbac" } & MissingRight)
  | { readonly kind: "escalation"; readonly user: string }
  | { readonly kind: "pod-security"; readonly level: string }
  | { readonly kind: "quota"; readonly quota: string }
  | { readonly kind: "policy"; readonly resource: PolicyResource; readonly policy: string; readonly why: string }
  | { readonly kind: "webhook"; readonly webhook: string; readonly why: string };

/** As kubectl takes it. */
export type PolicyResource = "validatingadmissionpolicy" | "mutatingadmissionpolicy";

/** What the authorizer wanted: a verb on a resource, or on a path outside the resources. */
export interface MissingRight {
  /** As the API server knows whoever asked. */
  readonly user: string;
  readonly verb: string;
  /** `pods/proxy`, plural; undefined for a path. */
  readonly resource?: string;
  /** Empty for the core group. */
  readonly group: string;
  /** Undefined: cluster scope. */
  readonly namespace?: string;
  /** Of one object; undefined for a whole collection. */
  readonly name?: string;
  readonly path?: string;
}

/** @param message  with the API server's words in it, whatever stands before them */
export function readRefusal(message: string): Refusal | undefined {
  return rbac(message) ?? others(message);
}

const right =
  /(?:"([^"]+)" is )?forbidden: User "([^"]*)" cannot (\S+) (?:resource "([^"]+)" in API group "([^"]*)" (?:at the cluster scope|in the namespace "([^"]+)")|path "([^"]+)")/;

function rbac(message: string): Refusal | undefined {
  const match = right.exec(message);
  if (!match) return undefined;
  const [, name, user = "", verb = "", resource, group = "", namespace, path] = match;
  return {
    kind: "rbac",
    user,
    verb,
    group,
    ...(resource === undefined ? {} : { resource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(path === undefined ? {} : { path }),
  };
}

function others(message: string): Refusal | undefined {
  const [, escalating] =
    /user "([^"]*)" .*is attempting to grant RBAC permissions not currently held/s.exec(message) ?? [];
  if (escalating !== undefined) return { kind: "escalation", user: escalating };
  const level = forbiddingLevel(message);
  if (level !== undefined) return { kind: "pod-security", level };
  const [, quota] = /exceeded quota: ([^,\s]+)/.exec(message) ?? [];
  if (quota !== undefined) return { kind: "quota", quota };
  const [, action, policy, why] =
    /(Validating|Mutating)AdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.*)/s.exec(message) ?? [];
  if (policy !== undefined && why !== undefined) {
    const resource = action === "Mutating" ? "mutatingadmissionpolicy" : "validatingadmissionpolicy";
    return { kind: "policy", resource, policy, why };
  }
  const [, webhook, webhookWhy] =
    /(?:admission webhook|failed calling webhook) "([^"]+)"(?: denied the request)?:? ?(.*)/s.exec(message) ?? [];
  if (webhook !== undefined) return { kind: "webhook", webhook, why: webhookWhy ?? "" };
  return undefined;
}
