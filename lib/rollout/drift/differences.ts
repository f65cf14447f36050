import type { FieldPath } from "../../mesh/managed-fields.ts";
import { apiDefault } from "./api-defaults.ts";
import type { GuardObject } from "./guard-object.ts";

/** A field that is not as it was installed. */
export interface Difference {
  readonly path: FieldPath;
  /** Undefined: nothing is to be there. */
  readonly wanted: unknown;
  /** Undefined: nothing is there. */
  readonly found: unknown;
}

/** What other people's hands may be in, and the API server's own: it has no say in what a guard does. */
const notCompared: readonly string[] = ["apiVersion", "kind", "metadata", "status"];
/** By these labels the rules of one ClusterRole become those of others. */
const aggregating = "rbac.authorization.k8s.io/aggregate-to-";

/**
 * Everything in which the object differs from the one that was installed: what is changed, what is missing, and what has
 * been added, but for the API server's own defaults.
 */
export function differences(wanted: GuardObject, found: GuardObject): readonly Difference[] {
  return [...compareMetadata(wanted, found), ...compareFields(wanted.kind, [], content(wanted), content(found))];
}

/** The object without its differences, but for what nobody can take back; names, notes and labels of others stay. */
export function restored(wanted: GuardObject, found: GuardObject): GuardObject {
  const { labels = {} } = found.metadata;
  const kept = Object.entries(labels as Fields).filter(([name]) => !name.startsWith(aggregating));
  const { apiVersion, status } = found;
  return {
    apiVersion,
    kind: found.kind,
    metadata: { ...found.metadata, labels: Object.fromEntries(kept) },
    ...content(wanted),
    ...(status === undefined ? {} : { status }),
  };
}

function content(object: GuardObject): Fields {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !notCompared.includes(name)));
}

function compareMetadata(wanted: GuardObject, found: GuardObject): readonly Difference[] {
  const compared = ({ kind, metadata }: GuardObject): Fields => {
    const { labels = {}, deletionTimestamp } = metadata;
    const counting = Object.entries(labels as Fields).filter(([name]) => name.startsWith(aggregating));
    return {
      ...(kind === "ClusterRole" ? { labels: Object.fromEntries(counting) } : {}),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    };
  };
  return compareFields(wanted.kind, ["metadata"], compared(wanted), compared(found));
}

type Fields = Readonly<Record<string, unknown>>;

function compareFields(kind: string, path: FieldPath, wanted: Fields, found: Fields): readonly Difference[] {
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  return [...names].flatMap((name) => compare(kind, [...path, name], wanted[name], found[name]));
}

function compare(kind: string, path: FieldPath, wanted: unknown, found: unknown): readonly Difference[] {
  if (Array.isArray(wanted) && Array.isArray(found)) return compareLists(kind, path, wanted, found);
  if (isFields(wanted) && isFields(found)) return compareFields(kind, path, wanted, found);
  const meant = wanted === undefined ? apiDefault(kind, path) : wanted;
  if (isFields(meant) && isFields(found)) {
    return compareFields(kind, path, meant, found).length === 0 ? [] : [{ path, wanted, found }];
  }
  return meant === found ? [] : [{ path, wanted, found }];
}

type List = readonly unknown[];

/** What is the same at both ends is left out, so that an element more or less makes no others differ. */
function compareLists(kind: string, path: FieldPath, wanted: List, found: List): readonly Difference[] {
  const isSame = (left: unknown, right: unknown) => compare(kind, [...path, 0], left, right).length === 0;
  const shorter = Math.min(wanted.length, found.length);
  let begin = 0;
  while (begin < shorter && isSame(wanted[begin], found[begin])) begin++;
  let end = 0;
  while (end < shorter - begin && isSame(wanted.at(-1 - end), found.at(-1 - end))) end++;
  const missing = wanted.slice(begin, wanted.length - end);
  const added = found.slice(begin, found.length - end);
  const at = (place: number) => [...path, begin + place];
  if (missing.length === added.length) {
    return missing.flatMap((element, place) => compare(kind, at(place), element, added[place]));
  }
  if (missing.length > 0 && added.length > 0) return [{ path, wanted: missing, found: added }];
  return [
    ...missing.map((element, place) => ({ path: at(place), wanted: element, found: undefined })),
    ...added.map((element, place) => ({ path: at(place), wanted: undefined, found: element })),
  ];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
