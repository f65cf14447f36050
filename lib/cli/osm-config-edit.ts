import type { KubeConnection } from "../kube/connection.ts";
import { objectPath } from "../kube/kinds.ts";
import { expectOk, type KubeObject, read } from "../kube/objects.ts";
import { osmConfigName } from "../mesh/names.ts";

/** Field manager of what people change with this command line. */
export const commandManager = "osm-install";

interface OsmConfigObject {
  readonly metadata: { readonly managedFields?: readonly ManagedFields[] };
  readonly data?: Readonly<Record<string, string>>;
}

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: { readonly "f:data"?: Readonly<Record<string, unknown>> };
}

export type ConfigEdit =
  | { readonly kind: "created" | "unchanged"; readonly data: Readonly<Record<string, string>> }
  | {
      readonly kind: "changed";
      readonly data: Readonly<Record<string, string>>;
      /** Who else holds a key that was changed, and may change it back. */
      readonly owners: readonly string[];
    };

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
      query: { fieldManager: commandManager },
      body: first,
    });
    return { kind: "created", data: (JSON.parse(response.text) as OsmConfigObject).data ?? {} };
  }
  const data = found.data ?? {};
  const differing = Object.entries(changes).filter(([key, value]) => data[key] !== value);
  if (differing.length === 0) return { kind: "unchanged", data };
  await expectOk(connection, {
    method: "PATCH",
    path,
    query: { fieldManager: commandManager },
    contentType: "application/merge-patch+json",
    body: { data: Object.fromEntries(differing) },
  });
  return {
    kind: "changed",
    data: { ...data, ...changes },
    owners: ownersOf(
      found,
      differing.map(([key]) => key),
    ),
  };
}

/** kubectl and this command are people; everybody else that owns a key is a tool that may set it again. */
function ownersOf(found: OsmConfigObject, keys: readonly string[]): readonly string[] {
  const owners = (found.metadata.managedFields ?? [])
    .filter(({ fieldsV1 }) => keys.some((key) => `f:${key}` in (fieldsV1?.["f:data"] ?? {})))
    .map(({ manager = "" }) => manager)
    .filter((manager) => manager !== "" && manager !== commandManager && !manager.startsWith("kubectl"));
  return [...new Set(owners)];
}
