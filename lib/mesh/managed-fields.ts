/** One entry of an object's `metadata.managedFields`: what one manager owns of the object, and since when. */
export interface ManagedFields {
  readonly manager?: string;
  /** `Apply` or `Update`. */
  readonly operation?: string;
  /** RFC 3339, in seconds, by the API server's clock: when the manager last changed any of it. */
  readonly time?: string;
  /** `status`, `scale`; absent for the object itself. */
  readonly subresource?: string;
  /** FieldsV1: `f:NAME` for a field, `k:{…}`, `v:…` or `i:N` for an element of a list, `.` for the thing itself. */
  readonly fieldsV1?: unknown;
}

/** From the object down: names of fields, and places in lists. */
export type FieldPath = readonly (string | number)[];

/**
 * Entries whose manager owns the field: who wrote last comes first; of one second, the later entry.
 *
 * @param object  as it stands; tells which element is at a place
 */
export function writersOf<T extends ManagedFields>(
  managedFields: readonly T[] | undefined,
  path: FieldPath,
  object: unknown,
): readonly T[] {
  return newestFirst((managedFields ?? []).filter(({ fieldsV1 }) => owns(fieldsV1, path, object)));
}

export function newestFirst<T extends ManagedFields>(entries: readonly T[]): readonly T[] {
  return entries.toReversed().sort((left, right) => (right.time ?? "").localeCompare(left.time ?? ""));
}

/** What stands at the end of the path; undefined where it leads nowhere. */
export function valueAt(object: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>(
    (value, step) => (isMap(value) || Array.isArray(value) ? (value as FieldsMap)[step] : undefined),
    object,
  );
}

function owns(fields: unknown, path: FieldPath, object: unknown): boolean {
  let owned: unknown = fields;
  let value = object;
  for (const [depth, step] of path.entries()) {
    if (!isMap(owned)) return false;
    // Nothing below it is told apart: it is owned as one.
    if (depth > 0 && Object.keys(owned).length === 0) return true;
    const inside = valueAt(value, [step]);
    owned = typeof step === "string" ? owned[`f:${step}`] : elementOf(owned, step, inside);
    value = inside;
  }
  return isMap(owned);
}

/** Lists are told apart by keys of their elements, by whole elements, or by place. */
function elementOf(owned: FieldsMap, place: number, element: unknown): unknown {
  const match = Object.keys(owned).find((name) => {
    const about = name.slice(2);
    if (name.startsWith("i:")) return about === String(place);
    if (name.startsWith("v:")) return about === JSON.stringify(element);
    return name.startsWith("k:") && isMap(element) && hasKeys(element, about);
  });
  return match === undefined ? undefined : owned[match];
}

function hasKeys(element: FieldsMap, text: string): boolean {
  const keys: unknown = JSON.parse(text);
  return isMap(keys) && Object.entries(keys).every(([name, value]) => element[name] === value);
}

type FieldsMap = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is FieldsMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
