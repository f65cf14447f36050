import type { KubeConnection, KubeResponse } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { expectOk, type KubeObject, read } from "../kube/objects.ts";
import { installManager } from "../mesh/field-manager.ts";
import { osmConfigName } from "../mesh/names.ts";
import { otherOwners } from "./other-owners.ts";
import type { OsmConfigObject } from "./rollout-reader.ts";

export type ConfigEdit = { readonly data: Readonly<Record<string, string>> } & (
  | { readonly kind: "unchanged" }
  | { readonly kind: "created"; readonly resourceVersion: string }
  | {
      readonly kind: "changed";
      readonly resourceVersion: string;
      /** Who may change it back, in words. */
      readonly owners: string | undefined;
    }
);

/**
 * Creates osm-config as given, or changes those keys of an existing one and nothing else.
 *
 * A merge patch, not server-side apply: apply would take a key away again once a later installation does not name it.
 */
export async function createOrEdit(
  connection: KubeConnection,
  first: KubeObject,
  changes: Readonly<Record<string, string>>,
): Promise<ConfigEdit> {
  const path = objectPath(first);
  const found = await read<OsmConfigObject>(connection, path);
  if (found === undefined) {
    const response = await expectOk(connection, {
      method: "POST",
      path: path.slice(0, -`/${osmConfigName}`.length),
      query: { fieldManager: installManager },
      body: first,
    });
    return { kind: "created", ...written(response) };
  }
  const data = found.data ?? {};
  const differing = Object.entries(changes).filter(([key, value]) => data[key] !== value);
  if (differing.length === 0) return { kind: "unchanged", data };
  const response = await expectOk(connection, {
    method: "PATCH",
    path,
    query: { fieldManager: installManager },
    contentType: "application/merge-patch+json",
    body: { data: Object.fromEntries(differing) },
  });
  return {
    kind: "changed",
    ...written(response),
    owners: otherOwners(
      found,
      differing.map(([key]) => ["data", key]),
    ),
  };
}

function written(response: KubeResponse) {
  const { metadata, data = {} } = JSON.parse(response.text) as OsmConfigObject;
  return { resourceVersion: metadata.resourceVersion, data };
}
