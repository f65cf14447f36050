import { apiVersion, injectionName } from "../mesh/names.ts";
import { type KubeObject, pathOf, type Resource } from "./objects.ts";

const registration = "admissionregistration.k8s.io/v1";
const rbac = "rbac.authorization.k8s.io/v1";

/** Where each kind that is installed or restarted lives, by `apiVersion/kind`. */
const resources: ReadonlyMap<string, Resource> = new Map(
  (
    [
      ["v1", "Namespace", "namespaces", false],
      ["v1", "ConfigMap", "configmaps", true],
      ["v1", "ServiceAccount", "serviceaccounts", true],
      ["v1", "Pod", "pods", true],
      ["v1", "Secret", "secrets", true],
      ["apps/v1", "Deployment", "deployments", true],
      ["apps/v1", "ReplicaSet", "replicasets", true],
      ["apps/v1", "StatefulSet", "statefulsets", true],
      ["apps/v1", "DaemonSet", "daemonsets", true],
      ["apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false],
      [registration, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", false],
      [registration, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", false],
      [registration, "MutatingAdmissionPolicy", "mutatingadmissionpolicies", false],
      [registration, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", false],
      [rbac, "ClusterRole", "clusterroles", false],
      [rbac, "ClusterRoleBinding", "clusterrolebindings", false],
      [rbac, "Role", "roles", true],
      [rbac, "RoleBinding", "rolebindings", true],
      ["coordination.k8s.io/v1", "Lease", "leases", true],
      [apiVersion, "MeshInjection", "meshinjections", true],
      [apiVersion, "EgressRollout", "egressrollouts", true],
    ] as const
  ).map(([version, kind, plural, namespaced]) => [`${version}/${kind}`, { apiVersion: version, plural, namespaced }]),
);

/** @throws when the kind is none of them */
export function resourceOf(object: Pick<KubeObject, "apiVersion" | "kind">): Resource {
  const resource = resources.get(`${object.apiVersion}/${object.kind}`);
  if (!resource) throw new Error(`no resource is known for ${object.apiVersion} ${object.kind}`);
  return resource;
}

/** Path of the object itself. */
export function objectPath(object: KubeObject): string {
  return pathOf(resourceOf(object), object.metadata.namespace, object.metadata.name);
}

/** Path to create it at. */
export function collectionPath(object: KubeObject): string {
  return pathOf(resourceOf(object), object.metadata.namespace);
}

/** Of the one object of its kind: what the mesh injects. */
export function meshInjectionPath(osmNamespace: string): string {
  return objectPath({ apiVersion, kind: "MeshInjection", metadata: { namespace: osmNamespace, name: injectionName } });
}
