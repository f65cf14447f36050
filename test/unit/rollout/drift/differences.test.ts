import { describe, expect, test } from "vitest";
import { differences } from "#lib/rollout/drift/differences.ts";
import { fieldText } from "#lib/rollout/drift/finding-text.ts";
import type { GuardObject } from "#lib/rollout/drift/guard-object.ts";

const rule = { apiGroups: [""], resources: ["pods"], operations: ["CREATE"] };
const first = { expression: "a", message: "no a" };
const second = { expression: "b", message: "no b" };

const policy: GuardObject = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: "p" },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: { resourceRules: [rule] },
    validations: [first, second],
    matchConditions: [{ name: "c", expression: "true" }],
  },
};

const spec = policy["spec"] as Readonly<Record<string, unknown>>;
const matchConstraints = spec["matchConstraints"] as object;

/** As the API server gives it back. */
const stored = {
  matchConstraints: { ...matchConstraints, matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {} },
};

function found(change: object, rest: object = {}): GuardObject {
  return {
    ...policy,
    metadata: { name: "p", uid: "u", generation: 3 },
    spec: { ...spec, ...stored, ...change },
    ...rest,
  };
}

function texts(wanted: GuardObject, other: GuardObject): readonly (readonly [string, unknown, unknown])[] {
  return differences(wanted, other).map((one) => [fieldText(one.path), one.wanted, one.found] as const);
}

test.each([
  ["as it was rendered", policy],
  ["as it is stored, with its defaults", found({})],
  ["with a status", found({}, { status: { observedGeneration: 3 } })],
  ["with others' labels", { ...found({}), metadata: { name: "p", labels: { team: "x" }, annotations: { a: "b" } } }],
  ["of another served version's spelling", found({}, { apiVersion: "admissionregistration.k8s.io/v1beta1" })],
])("no difference: %s", (_what, object) => {
  expect(differences(policy, object)).toEqual([]);
});

describe("a difference", () => {
  const selector = { matchLabels: { a: "b" } };
  test.each<readonly [string, object, string, unknown, unknown]>([
    ["a changed value", { failurePolicy: "Ignore" }, "spec.failurePolicy", "Fail", "Ignore"],
    ["a field that is gone", { failurePolicy: undefined }, "spec.failurePolicy", "Fail", undefined],
    ["a field that was added", { paramKind: { kind: "X" } }, "spec.paramKind", undefined, { kind: "X" }],
    [
      "a default that is another",
      { matchConstraints: { ...stored.matchConstraints, matchPolicy: "Exact" } },
      "spec.matchConstraints.matchPolicy",
      undefined,
      "Exact",
    ],
    [
      "a selector that is no longer everything",
      { matchConstraints: { ...stored.matchConstraints, namespaceSelector: selector } },
      "spec.matchConstraints.namespaceSelector",
      undefined,
      selector,
    ],
    [
      "an object selector",
      { matchConstraints: { ...stored.matchConstraints, objectSelector: selector } },
      "spec.matchConstraints.objectSelector",
      undefined,
      selector,
    ],
    [
      "an exclusion",
      { matchConstraints: { ...stored.matchConstraints, excludeResourceRules: [rule] } },
      "spec.matchConstraints.excludeResourceRules",
      undefined,
      [rule],
    ],
    [
      "deep in a list",
      { validations: [first, { ...second, expression: "true" }] },
      "spec.validations[1].expression",
      "b",
      "true",
    ],
    [
      "an element more, in front",
      { validations: [{ e: 1 }, first, second] },
      "spec.validations[0]",
      undefined,
      { e: 1 },
    ],
    ["an element more, behind", { validations: [first, second, second] }, "spec.validations[2]", undefined, second],
    ["an element less, in front", { validations: [second] }, "spec.validations[0]", first, undefined],
    ["an element less, behind", { validations: [first] }, "spec.validations[1]", second, undefined],
    ["other elements", { validations: [{ e: 1 }] }, "spec.validations", [first, second], [{ e: 1 }]],
    [
      "no elements any more",
      { matchConditions: [] },
      "spec.matchConditions[0]",
      { name: "c", expression: "true" },
      undefined,
    ],
    ["another type", { validations: "none" }, "spec.validations", [first, second], "none"],
    [
      "another number of the same look",
      { validations: [first, { ...second, message: 1 }] },
      "spec.validations[1].message",
      "no b",
      1,
    ],
  ])("%s", (_what, change, field, wanted, other) => {
    expect(texts(policy, found(change))).toEqual([[field, wanted, other]]);
  });

  test("beside spec: whatever else there is", () => {
    expect(texts(policy, found({}, { rules: [1] }))).toEqual([["rules", undefined, [1]]]);
  });

  test("several are told one by one", () => {
    const change = {
      failurePolicy: "Ignore",
      validations: [
        { ...first, expression: "x" },
        { ...second, expression: "y" },
      ],
    };
    expect(texts(policy, found(change)).map(([field]) => field)).toEqual([
      "spec.failurePolicy",
      "spec.validations[0].expression",
      "spec.validations[1].expression",
    ]);
  });

  test("an object that is being deleted", () => {
    const going = { ...found({}), metadata: { name: "p", deletionTimestamp: "2026-01-01T00:00:00Z" } };
    expect(texts(policy, going)).toEqual([["metadata.deletionTimestamp", undefined, "2026-01-01T00:00:00Z"]]);
  });
});

describe("roles", () => {
  const role: GuardObject = { kind: "ClusterRole", metadata: { name: "r" }, rules: [rule] };

  test.each<readonly [string, object, string]>([
    ["a rule more", { rules: [rule, { ...rule, resources: ["secrets"] }] }, "rules[1]"],
    ["a verb more", { rules: [{ ...rule, operations: ["CREATE", "*"] }] }, "rules[0].operations[1]"],
    ["rules from elsewhere", { aggregationRule: { clusterRoleSelectors: [{}] } }, "aggregationRule"],
    [
      "rules that go elsewhere",
      { metadata: { name: "r", labels: { "rbac.authorization.k8s.io/aggregate-to-edit": "true", team: "x" } } },
      'metadata.labels["rbac.authorization.k8s.io/aggregate-to-edit"]',
    ],
  ])("%s", (_what, change, field) => {
    expect(texts(role, { ...role, ...change }).map(([path]) => path)).toEqual([field]);
  });

  test("a default of another kind is none of theirs", () => {
    const other = { ...role, spec: { conversion: { strategy: "None" } } };
    expect(texts(role, other).map(([path]) => path)).toEqual(["spec"]);
  });
});
