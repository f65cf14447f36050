import type { AccessRule } from "#lib/kube/access-rule.ts";
import { completeLines } from "#test/cluster/complete-lines.ts";

/** One thing that RBAC can grant: `verb group/resource[/subresource]`, and where: a namespace, or `*` for the cluster. */
export interface Use {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

interface AuditEvent {
  readonly verb: string;
  readonly user?: { readonly username?: string; readonly groups?: readonly string[] };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface UsedAccess {
  readonly allowed: readonly Use[];
  /** What RBAC refused, in the API server's words. */
  readonly refused: readonly string[];
}

/** Everything that one identity asked of the API server in a run. */
export async function accessUsed(
  auditLogPath: string,
  isIdentity: (user: string, groups: readonly string[]) => boolean,
): Promise<UsedAccess> {
  const allowed = new Map<string, Use>();
  const refused = new Set<string>();
  for await (const line of completeLines(auditLogPath)) {
    const event = JSON.parse(line) as AuditEvent;
    if (!isIdentity(event.user?.username ?? "", event.user?.groups ?? [])) continue;
    const { apiGroup = "", resource, subresource, namespace, name } = event.objectRef ?? {};
    if (resource === undefined) continue;
    const full = `${apiGroup}/${resource}${subresource === undefined ? "" : `/${subresource}`}`;
    if (event.annotations?.["authorization.k8s.io/decision"] === "forbid") {
      refused.add(`${event.verb} ${full}: ${event.annotations["authorization.k8s.io/reason"] ?? ""}`);
      continue;
    }
    const use = { verb: event.verb, resource: full, namespace, name };
    allowed.set(JSON.stringify(use), use);
  }
  return { allowed: [...allowed.values()], refused: [...refused] };
}

/** One verb on one resource, as a role gives it. */
export interface Grant {
  readonly verb: string;
  readonly resource: string;
  /** Undefined: in the whole cluster. */
  readonly namespace: string | undefined;
  readonly names: readonly string[];
}

interface RoleObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly AccessRule[];
}

export function grantsOf(roles: readonly RoleObject[]): readonly Grant[] {
  return roles.flatMap(({ kind, metadata, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, resourceNames = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => ({
            verb,
            resource: `${group}/${resource}`,
            namespace: kind === "Role" ? metadata.namespace : undefined,
            names: resourceNames,
          })),
        ),
      ),
    ),
  );
}

export function covers(grant: Grant, use: Use): boolean {
  return (
    grant.verb === use.verb &&
    grant.resource === use.resource &&
    (grant.namespace === undefined || grant.namespace === use.namespace) &&
    (grant.names.length === 0 || (use.name !== undefined && grant.names.includes(use.name)))
  );
}

export function grantText({ verb, resource, namespace, names }: Grant): string {
  return `${verb} ${resource}${namespace === undefined ? "" : ` in ${namespace}`}${names.length === 0 ? "" : ` named ${names.join(", ")}`}`;
}
