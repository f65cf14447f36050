import { describe, expect, test } from "vitest";
import { manifests } from "#deploy/manifests.ts";
import { osmConfig } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { expectInstalled, missingPart, notInstalled } from "#lib/cli/mesh-parts.ts";
import type { KubeConnection } from "#lib/kube/connection.ts";
import { objectPath } from "#lib/kube/kinds.ts";
import type { KubeObject } from "#lib/kube/objects.ts";

const { namespace, definitions, access, objects, policies, bindings } = manifests(defaults);
const installed: readonly KubeObject[] = [
  namespace,
  ...definitions,
  ...access,
  ...objects,
  ...policies,
  ...bindings,
  osmConfig(defaults),
];

const notFound = (path: string) => ({ status: 404, body: { details: { name: path.split("/").at(-1) } } });
type Answer = (path: string) => { readonly status: number; readonly body: object } | undefined;

/** A cluster with everything but what these paths match. */
function cluster(lacks: RegExp, besides: Answer = () => undefined): KubeConnection {
  const has = new Map(installed.map((object) => [objectPath(object), object]));
  return {
    server: "https://api",
    send: async ({ path }) => {
      const found = has.get(path);
      const usual = found && !lacks.test(path) ? { status: 200, body: found } : notFound(path);
      const { status, body } = besides(path) ?? usual;
      return { status, text: JSON.stringify(body), serverTimeMs: undefined };
    },
    stream: () => {
      throw new Error("nothing is watched");
    },
  };
}

const version: Answer = (path) => (path === "/version" ? { status: 200, body: { gitVersion: "v1.36.0" } } : undefined);
const nothing = /^(?!\/api\/v1\/namespaces\/osm-system$)/;

describe("what is missing is named", () => {
  const rows: readonly (readonly [string, RegExp, string])[] = [
    [
      "one of the definitions, and so its objects",
      /egressrollouts/,
      "the mesh in namespace osm-system is only half installed; missing: CustomResourceDefinition egressrollouts.egress.openservicemesh.io, EgressRollout osm-system/osm-config",
    ],
    [
      "a policy",
      /validatingadmissionpolicies\/osm-sidecar-guard/,
      "the mesh in namespace osm-system is only half installed; missing: ValidatingAdmissionPolicy osm-sidecar-guard",
    ],
    [
      "a binding of a role",
      /clusterrolebindings\/osm-reconciler/,
      "the mesh in namespace osm-system is only half installed; missing: ClusterRoleBinding osm-reconciler",
    ],
  ];
  test.each(rows)("%s", async (_, lacks, message) => {
    await expect(expectInstalled(cluster(lacks), "osm-system")).rejects.toMatchObject({
      message,
      remedy: "run: osm install, which puts back what is missing and leaves values as they are",
    });
    expect((await missingPart(cluster(lacks), "osm-system"))?.message).toBe(message);
  });

  test("of many, five and the number of the others", async () => {
    const error = await missingPart(cluster(/admissionregistration/), "osm-system");
    expect(error?.message.split(", ")).toHaveLength(6);
    expect(error?.message).toMatch(/, and \d+ more$/);
  });
});

test("nothing but the namespace: no mesh", async () => {
  const error = await notInstalled(cluster(nothing, version), "osm-system", "EgressRollout osm-system/osm-config");
  expect(error.message).toMatch(
    /^no mesh is installed in namespace osm-system: there is not even CustomResourceDefinition/,
  );
  expect(error.remedy).toBe("run: osm install");
});

test.each([
  ["404 to everything", 404, {}],
  ["something else", 200, { hello: "world" }],
])("what says %s instead of a version is no API server", async (_, status, body) => {
  const web: Answer = (path) => (path === "/version" ? { status, body } : undefined);
  await expect(missingPart(cluster(nothing, web), "osm-system")).rejects.toThrow(
    "what answers at https://api is no Kubernetes API server",
  );
});

test("osm-config alone: the mesh keeps what it runs, and namespaces may join", async () => {
  const lacks = /configmaps\/osm-config/;
  expect(await missingPart(cluster(lacks), "osm-system")).toMatchObject({
    message: "ConfigMap osm-system/osm-config is not there; the mesh keeps what it ran last",
    remedy: expect.stringContaining("osm install --enable-egress=BOOL"),
  });
  await expect(expectInstalled(cluster(lacks), "osm-system")).resolves.toBeUndefined();
});

test("a mesh in another namespace: it is named", async () => {
  const error = await notInstalled(cluster(/nothing/), "elsewhere", "EgressRollout elsewhere/osm-config");
  expect(error.message).toBe("mesh osm of this cluster is in namespace osm-system, not in elsewhere");
  expect(error.remedy).toBe("give --osm-namespace osm-system");
});

test("what one may not see is not missing", async () => {
  const forbids: Answer = (path) =>
    /customresourcedefinitions|clusterroles/.test(path) ? { status: 403, body: {} } : undefined;
  const connection = cluster(/customresourcedefinitions|clusterroles/, forbids);
  await expect(expectInstalled(connection, "osm-system")).resolves.toBeUndefined();
});

test("a kind of policy that the API server does not serve is not missing", async () => {
  const unserved: Answer = (path) =>
    /mutatingadmission/.test(path) ? { status: 404, body: { details: {} } } : undefined;
  await expect(expectInstalled(cluster(/mutatingadmission/, unserved), "osm-system")).resolves.toBeUndefined();
});

test("all there, as far as one may see, and still something was not found: that is said", async () => {
  const error = await notInstalled(cluster(/nothing/), "osm-system", "EgressRollout osm-system/osm-config");
  expect(error.message).toBe("EgressRollout osm-system/osm-config is not there");
  expect(await missingPart(cluster(/nothing/), "osm-system")).toBeUndefined();
});
