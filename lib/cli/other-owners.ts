import { isPerson } from "../mesh/field-manager.ts";
import { gitopsOwners, ownerText } from "../mesh/gitops-owner.ts";
import { type FieldPath, type ManagedFields, writersOf } from "../mesh/managed-fields.ts";

type Texts = Readonly<Record<string, string>>;

/** An object as the API server gives it, before a command changes it. */
export interface ObjectWithOwners {
  readonly metadata: {
    readonly managedFields?: readonly ManagedFields[];
    readonly labels?: Texts;
    readonly annotations?: Texts;
  };
}

/**
 * Who keeps these fields somewhere else and may write them again, for the end of a command's line.
 *
 * Field managers are not enough: a merge patch takes a field over, and from then on its GitOps tool is no manager of it. It
 * still says in the object's labels or annotations that it applies it.
 *
 * @param changed  the fields that the command changes
 * @returns        undefined where nobody does, or nothing is changed
 */
export function otherOwners(object: ObjectWithOwners, changed: readonly FieldPath[]): string | undefined {
  if (changed.length === 0) return undefined;
  const { managedFields, labels, annotations } = object.metadata;
  const managers = changed
    .flatMap((path) => writersOf(managedFields, path, object))
    .flatMap(({ manager }) => (manager === undefined || isPerson(manager) ? [] : [manager]));
  const owners = new Set([...managers, ...gitopsOwners(labels, annotations).map(ownerText)]);
  if (owners.size === 0) return undefined;
  return `also kept by ${[...owners].join(", ")}, which may set it back: change it there too`;
}
