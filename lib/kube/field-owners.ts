import { type ManagedFields, newestFirst } from "../mesh/managed-fields.ts";

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
