import { describe, expect, test } from "vitest";
import { guards } from "#deploy/guards.ts";
import { allObjects } from "#deploy/manifests.ts";
import { defaults } from "#deploy/parameters.ts";
import { reconcilerAccess } from "#deploy/rbac/reconciler.ts";
import type { AccessRule } from "#lib/kube/access-rule.ts";
import { resourceOf } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { meshPlace } from "#lib/mesh/names.ts";

const { always, strict, forwarder } = guards(meshPlace);
const all = [...always, ...strict, ...forwarder];

/** `get group/resource name`, with the namespace for those that have one. */
function reading(object: KubeObject): string {
  const { apiVersion, plural } = resourceOf(object);
  return `get ${apiVersion.split("/")[0]}/${plural} ${object.metadata.name}`;
}

function readings(kind: "ClusterRole" | "Role"): readonly string[] {
  const rules = reconcilerAccess(defaults).flatMap((object) =>
    object.kind === kind ? (object["rules"] as readonly AccessRule[]) : [],
  );
  return rules.flatMap(({ apiGroups, resources, resourceNames = ["*"], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        resourceNames.flatMap((name) => verbs.map((verb) => `${verb} ${group}/${resource} ${name}`)),
      ),
    ),
  );
}

const guardGroups = /apiextensions|admissionregistration|rbac\.authorization/;

describe("the reconciler may read exactly the guards, and do nothing else with their kinds", () => {
  test.each([
    ["ClusterRole", all.filter(({ metadata }) => metadata.namespace === undefined)],
    ["Role", all.filter(({ metadata }) => metadata.namespace !== undefined)],
  ] as const)("%s", (kind, objects) => {
    expect(
      readings(kind)
        .filter((text) => guardGroups.test(text))
        .toSorted(),
    ).toEqual(objects.map(reading).toSorted());
  });
});

test("everything that is installed is a guard, or its owner's, or a pass's to write", () => {
  const bus = { eventBusName: "b", clusterName: "c", region: "r" };
  const names = (objects: readonly KubeObject[]) => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const installed = names(allObjects({ ...defaults, bus, strict: true, egress: false }));
  const guarded = new Set(names(all));
  expect(installed.filter((name) => !guarded.has(name))).toEqual([
    "Namespace osm-system",
    "MeshInjection osm-config",
    "EgressRollout osm-config",
    "ConfigMap osm-config",
    "ServiceAccount osm-forwarder",
    "Deployment osm-forwarder",
  ]);
  expect(guarded.size).toBe(all.length);
});
