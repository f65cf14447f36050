import { type FieldPath, type ManagedFields, newestFirst, writersOf } from "../mesh/managed-fields.ts";

/** As far as it is about a ConfigMap's data. */
export interface ManagedFieldsEntry extends ManagedFields {
  readonly fieldsV1?: { readonly "f:data"?: Readonly<Record<string, unknown>> };
}

/** Field managers of any of these keys of `data`, each once: who wrote last comes first. Of one second, the later entry. */
export function keyOwners(
  managedFields: readonly ManagedFieldsEntry[] | undefined,
  ...keys: readonly string[]
): readonly string[] {
  const owners = keyWrites(managedFields, ...keys).flatMap(({ manager }) => (manager ? [manager] : []));
  return [...new Set(owners)];
}

/** The same with the times. */
export function keyWrites(
  managedFields: readonly ManagedFieldsEntry[] | undefined,
  ...keys: readonly string[]
): readonly Pick<ManagedFieldsEntry, "manager" | "time">[] {
  const owning = ({ fieldsV1 }: ManagedFieldsEntry) => keys.some((key) => `f:${key}` in (fieldsV1?.["f:data"] ?? {}));
  return newestFirst((managedFields ?? []).filter(owning));
}

/**
 * Who wrote a field last, where the applier does not own it (any more): whoever changes a value by an update takes it over.
 *
 * @param object   as it stands, with its `metadata.managedFields`
 * @param applier  field manager of server-side apply, whose field it should be
 */
export function foreignWrite(
  object: { readonly metadata: { readonly managedFields?: readonly ManagedFields[] } },
  applier: string,
  path: FieldPath,
): ManagedFields | undefined {
  const owners = writersOf(object.metadata.managedFields, path, object);
  return owners.some((owner) => isApplied(owner, applier)) ? undefined : owners[0];
}

/** When it was applied last by that manager. */
export function appliedAt(managedFields: readonly ManagedFields[] | undefined, applier: string): string | undefined {
  return (managedFields ?? []).find((entry) => isApplied(entry, applier))?.time;
}

function isApplied({ manager, operation }: ManagedFields, applier: string): boolean {
  return manager === applier && operation === "Apply";
}
