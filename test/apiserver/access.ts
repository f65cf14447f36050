import type { KubeObject } from "#lib/kube/objects.ts";

const rbac = "rbac.authorization.k8s.io";

/** A cluster role with these rules, and its binding to a user. */
export function clusterAccess(
  name: string,
  user: string,
  rules: readonly object[],
): { readonly role: KubeObject; readonly binding: KubeObject } {
  const metadata = { name };
  return {
    role: { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata, rules },
    binding: {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
      subjects: [{ apiGroup: rbac, kind: "User", name: user }],
    },
  };
}
