/** One entry of an object's `metadata.managedFields`. */
export interface ManagedFieldsEntry {
  readonly manager?: string;
  /** RFC 3339, in seconds. */
  readonly time?: string;
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
  return (managedFields ?? [])
    .filter(({ fieldsV1 }) => keys.some((key) => `f:${key}` in (fieldsV1?.["f:data"] ?? {})))
    .toReversed()
    .sort((left, right) => (right.time ?? "").localeCompare(left.time ?? ""));
}
