import { describe, expect, test } from "vitest";
import { covers, type Grant, grantsOf, type Use } from "../../world/access-used.ts";

const grant: Grant = { verb: "get", resource: "/configmaps", namespace: undefined, names: [] };
const use: Use = { verb: "get", resource: "/configmaps", namespace: "shop", name: "a" };

test.each<[string, Partial<Grant>, Partial<Use>, boolean]>([
  ["the same", {}, {}, true],
  ["another verb", { verb: "list" }, {}, false],
  ["every verb, which no role of ours has", { verb: "*" }, {}, false],
  ["another resource", { resource: "/secrets" }, {}, false],
  ["another group", { resource: "apps/configmaps" }, {}, false],
  ["a subresource", {}, { resource: "/configmaps/status" }, false],
  ["in the cluster, used outside namespaces", {}, { namespace: undefined }, true],
  ["in its namespace", { namespace: "shop" }, {}, true],
  ["in another namespace", { namespace: "bank" }, {}, false],
  ["in a namespace, used outside namespaces", { namespace: "shop" }, { namespace: undefined }, false],
  ["by name", { names: ["b", "a"] }, {}, true],
  ["by another name", { names: ["b"] }, {}, false],
  ["by a name that begins like it", { names: ["a-b"] }, {}, false],
  ["by name, used without one", { names: ["a"] }, { name: undefined }, false],
])("a grant for a use: %s", (_, otherGrant, otherUse, isCovered) => {
  expect(covers({ ...grant, ...otherGrant }, { ...use, ...otherUse })).toBe(isCovered);
});

describe("grants of a role", () => {
  const rules = [
    { apiGroups: ["", "apps"], resources: ["pods", "pods/log"], verbs: ["get", "list"] },
    { apiGroups: [""], resources: ["configmaps"], resourceNames: ["a"], verbs: ["get"] },
  ];
  const metadata = { name: "reader", namespace: "shop" };

  test("one for each verb on each resource of each group", () => {
    const grants = grantsOf([{ kind: "ClusterRole", metadata: { name: "reader" }, rules }]);
    expect(grants.map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([
      ...["get /pods", "list /pods", "get /pods/log", "list /pods/log"],
      ...["get apps/pods", "list apps/pods", "get apps/pods/log", "list apps/pods/log"],
      "get /configmaps",
    ]);
    expect(grants.map(({ names }) => names).slice(-2)).toEqual([[], ["a"]]);
  });

  test.each([
    ["Role", "shop"],
    ["ClusterRole", undefined],
  ])("a %s grants in %s", (kind, namespace) => {
    const grants = grantsOf([{ kind, metadata, rules }]);
    expect(new Set(grants.map((each) => each.namespace))).toEqual(new Set([namespace]));
  });

  test("of several roles, all; of one without rules, none", () => {
    const roles = [
      { kind: "Role", metadata, rules },
      { kind: "Role", metadata },
      { kind: "Role", metadata, rules },
    ];
    expect(grantsOf(roles)).toHaveLength(18);
  });
});
