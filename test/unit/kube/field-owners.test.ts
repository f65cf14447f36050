import { expect, test } from "vitest";
import { keyOwners, type ManagedFieldsEntry } from "#lib/kube/field-owners.ts";
import { isPerson } from "#lib/mesh/field-manager.ts";

const at = (second: number): string => `2026-01-01T00:00:0${second}Z`;
const entry = (manager: string, time: string | undefined, ...keys: readonly string[]): ManagedFieldsEntry => ({
  manager,
  ...(time === undefined ? {} : { time }),
  fieldsV1: { "f:data": Object.fromEntries(keys.map((key) => [`f:${key}`, {}])) },
});

test.each<[string, readonly ManagedFieldsEntry[] | undefined, readonly string[]]>([
  ["nothing told", undefined, []],
  ["nobody", [], []],
  ["somebody else's fields", [{ manager: "flux", fieldsV1: {} }, { manager: "helm" }], []],
  ["another key", [entry("helm", at(1), "egress_x", "permissive")], []],
  ["one owner", [entry("helm", at(1), "other"), entry("flux", at(1), "egress")], ["flux"]],
  ["two, the later first", [entry("a", at(1), "egress"), entry("b", at(2), "egress")], ["b", "a"]],
  ["two, told in the other order", [entry("b", at(2), "egress"), entry("a", at(1), "egress")], ["b", "a"]],
  ["two of one second", [entry("a", at(1), "egress"), entry("b", at(1), "egress")], ["b", "a"]],
  ["one without a time", [entry("a", undefined, "egress"), entry("b", at(1), "egress")], ["b", "a"]],
  ["one that applied and updated", [entry("a", at(1), "egress"), entry("a", at(2), "egress")], ["a"]],
  ["an entry without a manager", [{ fieldsV1: { "f:data": { "f:egress": {} } } }], []],
])("owners of the switch: %s", (_what, managedFields, owners) => {
  expect(keyOwners(managedFields, "egress")).toEqual(owners);
});

test("owners of any of several keys", () => {
  const managedFields = [entry("a", at(1), "egress"), entry("b", at(2), "mode"), entry("c", at(3), "other")];
  expect(keyOwners(managedFields, "egress", "mode")).toEqual(["b", "a"]);
});

test.each([
  ["osm", true],
  ["osm-install", true],
  ["kubectl", true],
  ["kubectl-patch", true],
  ["kubectl-client-side-apply", true],
  ["osm-reconciler", false],
  ["kubectlx", false],
  ["kustomize-controller", false],
  ["argocd-controller", false],
  ["", false],
])("%j is a person: %s", (manager, expected) => {
  expect(isPerson(manager)).toBe(expected);
});
