import type { KubeConnection } from "../kube/connection.ts";
import { expectOk, read } from "../kube/objects.ts";
import { changeManager } from "../mesh/field-manager.ts";
import { valueAt } from "../mesh/managed-fields.ts";
import { annotations, labels } from "../mesh/names.ts";
import { type ObjectWithOwners, otherOwners } from "./other-owners.ts";

/** What makes a namespace a member; null where it has none of it. */
export interface Membership {
  readonly mesh: string | null;
  /** The mesh that it has left, while pods of it still have their sidecar. */
  readonly left: string | null;
  readonly injection: "enabled" | "disabled" | null;
}

/** @returns undefined where there is none of that name */
export function readMember(connection: KubeConnection, namespace: string): Promise<ObjectWithOwners | undefined> {
  return read<ObjectWithOwners>(connection, pathOf(namespace));
}

/** @returns which mesh's it is, if any's */
export function meshOf({ metadata }: ObjectWithOwners): string | undefined {
  return metadata.labels?.[labels.monitoredBy];
}

/** @returns who else keeps what this has changed, in words */
export async function changeMembership(
  connection: KubeConnection,
  namespace: string,
  { mesh, left, injection }: Membership,
): Promise<string | undefined> {
  const found = await readMember(connection, namespace);
  await expectOk(connection, {
    method: "PATCH",
    path: pathOf(namespace),
    query: { fieldManager: changeManager },
    contentType: "application/merge-patch+json",
    body: {
      metadata: {
        labels: { [labels.monitoredBy]: mesh, [labels.leftMesh]: left },
        annotations: { [annotations.injection]: injection },
      },
    },
  });
  const fields = [
    { path: ["metadata", "labels", labels.monitoredBy], value: mesh },
    { path: ["metadata", "annotations", annotations.injection], value: injection },
  ];
  const changed = fields.filter(({ path, value }) => (valueAt(found, path) ?? null) !== value);
  return (
    found &&
    otherOwners(
      found,
      changed.map(({ path }) => path),
    )
  );
}

function pathOf(namespace: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
}
