import type { ManagedFields } from "../../mesh/managed-fields.ts";

/** A Kubernetes object, as far as it can be compared. */
export interface GuardObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

const guardKinds: readonly string[] = [
  "CustomResourceDefinition",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionPolicyBinding",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
];

/** Whether an installed object is an installation's alone, to the last field; others' are shared with their owners. */
export function isGuard({ kind }: GuardObject): boolean {
  return guardKinds.includes(kind);
}

/** Whether it is part of what injects: of a kind that an API server before Kubernetes 1.36 does not serve. */
export function isInjecting({ kind }: Pick<GuardObject, "kind">): boolean {
  return kind.startsWith("MutatingAdmissionPolicy");
}

/** `ClusterRole osm-reconciler`, `Role osm-system/osm-reconciler`. */
export function objectName({ kind, metadata: { name, namespace } }: GuardObject): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** Who has written the object itself, newest last as a rule; its status is others'. */
export function writesOf(object: GuardObject | undefined): readonly ManagedFields[] {
  const entries = (object?.metadata["managedFields"] ?? []) as readonly ManagedFields[];
  return entries.filter(({ subresource }) => subresource === undefined);
}
