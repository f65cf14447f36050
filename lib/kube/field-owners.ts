/** One entry of an object's `metadata.managedFields`. */
export interface ManagedFieldsEntry {
  readonly manager?: string;
  /** RFC 3339, in seconds. */
  readonly time?: string;
  readonly operation?: string;
  readonly fieldsV1?: FieldSet;
}

/** Fields by `f:` and their name. */
interface FieldSet {
  readonly [field: string]: FieldSet;
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

/**
 * Who wrote a field last, where the applier does not own it (any more): whoever changes a value by an update takes it over.
 *
 * @param applier  field manager of server-side apply, whose field it should be
 * @param path     e.g. `["data", "lds.json"]`
 */
export function foreignWrite(
  managedFields: readonly ManagedFieldsEntry[] | undefined,
  applier: string,
  path: readonly string[],
): Pick<ManagedFieldsEntry, "manager" | "time"> | undefined {
  const owners = (managedFields ?? []).filter(({ fieldsV1 }) => has(fieldsV1, path)).toReversed();
  if (owners.some((owner) => isApplied(owner, applier))) return undefined;
  return owners.sort((left, right) => (right.time ?? "").localeCompare(left.time ?? ""))[0];
}

/** When it was applied last by that manager. */
export function appliedAt(
  managedFields: readonly ManagedFieldsEntry[] | undefined,
  applier: string,
): string | undefined {
  return (managedFields ?? []).find((entry) => isApplied(entry, applier))?.time;
}

function isApplied({ manager, operation }: ManagedFieldsEntry, applier: string): boolean {
  return manager === applier && operation === "Apply";
}

function has(fields: FieldSet | undefined, path: readonly string[]): boolean {
  return path.reduce<FieldSet | undefined>((inner, name) => inner?.[`f:${name}`], fields) !== undefined;
}
