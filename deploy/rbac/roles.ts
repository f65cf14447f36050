import type { AccessRule } from "#lib/kube/access-rule.ts";
import type { KubeObject } from "#lib/kube/objects.ts";

/** A Group or ServiceAccount that roles are bound to. */
export type Subject =
  | { readonly kind: "Group"; readonly name: string; readonly apiGroup: "rbac.authorization.k8s.io" }
  | { readonly kind: "ServiceAccount"; readonly name: string; readonly namespace: string };

const group = "rbac.authorization.k8s.io";

/** A role with its binding: in one namespace, or in all of them when none is named. */
export function granted(
  name: string,
  subject: Subject,
  rules: readonly AccessRule[],
  namespace?: string,
): KubeObject[] {
  const [role, binding] = namespace === undefined ? ["ClusterRole", "ClusterRoleBinding"] : ["Role", "RoleBinding"];
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return [
    { apiVersion: `${group}/v1`, kind: role, metadata, rules },
    {
      apiVersion: `${group}/v1`,
      kind: binding,
      metadata,
      roleRef: { apiGroup: group, kind: role, name },
      subjects: [subject],
    },
  ];
}
