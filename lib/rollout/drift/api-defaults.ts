import type { FieldPath } from "../../mesh/managed-fields.ts";

type Defaults = Readonly<Record<string, unknown>>;

const everyObject = { matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {} };
const matched = (field: string): Defaults =>
  Object.fromEntries(Object.entries(everyObject).map(([name, value]) => [`spec.${field}.${name}`, value]));

/**
 * What the API server writes into a guard where an installation says nothing, by kind and field. Only these values in
 * only these fields may be there uninvited: whatever else is added to a guard may be what takes its force away.
 */
const byKind: Readonly<Record<string, Defaults>> = {
  CustomResourceDefinition: { "spec.conversion": { strategy: "None" } },
  ValidatingAdmissionPolicy: matched("matchConstraints"),
  ValidatingAdmissionPolicyBinding: matched("matchResources"),
  MutatingAdmissionPolicy: matched("matchConstraints"),
  MutatingAdmissionPolicyBinding: matched("matchResources"),
};

/** The value that the field of an object of this kind gets when it is absent; undefined where it gets none. */
export function apiDefault(kind: string, path: FieldPath): unknown {
  return byKind[kind]?.[path.join(".")];
}
