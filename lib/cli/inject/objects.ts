/** Anything in a manifest, as far as lists are told from other objects. */
export interface AnyObject {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly items?: unknown;
}

/** The object, or a list's. */
export function objectsIn(value: unknown): readonly AnyObject[] {
  if (typeof value !== "object" || value === null) return [];
  const { items } = value as AnyObject;
  return Array.isArray(items) ? items.flatMap(objectsIn) : [value];
}
