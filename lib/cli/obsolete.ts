import { everyObject } from "#deploy/manifests.ts";
import { EgressError } from "../errors.ts";
import { type KubeConnection, metadataOnly } from "../kube/connection.ts";
import { collectionPath, resourceOf } from "../kube/kinds.ts";
import { listAll } from "../kube/list.ts";
import { installManager } from "../mesh/field-manager.ts";
import type { ManagedFields } from "../mesh/managed-fields.ts";
import type { MeshPlace } from "../mesh/names.ts";
import { objectName } from "../rollout/drift/guard-object.ts";
import type { ObjectRef } from "./remove-object.ts";

const registration = "admissionregistration.k8s.io/v1";
const rbac = "rbac.authorization.k8s.io/v1";

/** A binding before what it binds. Not definitions: with one of those go objects that people have made. */
const prunedKinds: readonly (readonly [apiVersion: string, kind: string])[] = [
  [registration, "MutatingAdmissionPolicyBinding"],
  [registration, "ValidatingAdmissionPolicyBinding"],
  [registration, "MutatingAdmissionPolicy"],
  [registration, "ValidatingAdmissionPolicy"],
  [rbac, "ClusterRoleBinding"],
  [rbac, "ClusterRole"],
  [rbac, "RoleBinding"],
  [rbac, "Role"],
  ["apps/v1", "Deployment"],
  ["v1", "ServiceAccount"],
];

/**
 * What `osm install` of another version has applied and this one knows nothing of, in the order in which it can go. By field
 * manager: what somebody else has applied is his to take away, also if he has it from `--dry-run`.
 *
 * @returns of namespaced kinds only those of the mesh's own namespace
 */
export async function findObsolete(connection: KubeConnection, place: MeshPlace): Promise<readonly ObjectRef[]> {
  const known = new Set(everyObject(place).map(objectName));
  const found: ObjectRef[] = [];
  for (const [apiVersion, kind] of prunedKinds) {
    const { namespaced } = resourceOf({ apiVersion, kind });
    const metadata = { name: "", ...(namespaced ? { namespace: place.osmNamespace } : {}) };
    const path = collectionPath({ apiVersion, kind, metadata });
    const decode = (object: unknown) => decodeOurs(object, apiVersion, kind);
    const ours = await listServed(connection, path, decode);
    found.push(...ours.filter((object) => !known.has(objectName(object))));
  }
  return found;
}

/** What is not served, is not there: an API server before Kubernetes 1.36 has no policies that inject. */
async function listServed<T>(
  connection: KubeConnection,
  path: string,
  decode: (object: unknown) => T | undefined,
): Promise<readonly T[]> {
  try {
    return await listAll(connection, path, decode, { accept: metadataOnly.list });
  } catch (error) {
    if (error instanceof EgressError && error.reason === "object-missing") return [];
    throw error;
  }
}

function decodeOurs(object: unknown, apiVersion: string, kind: string): ObjectRef | undefined {
  const { metadata } = object as {
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly managedFields?: readonly ManagedFields[];
    };
  };
  const { name, namespace, managedFields = [] } = metadata;
  const isOurs = managedFields.some(({ manager, operation }) => manager === installManager && operation === "Apply");
  if (!isOurs) return undefined;
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
}
