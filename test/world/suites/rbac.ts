import { expect, test } from "vitest";
import { reconcilersGroup } from "#lib/mesh/names.ts";
import type { Cluster } from "#test/cluster/cluster.ts";
import { accessUsed, covers, type Grant, grantsOf, grantText } from "../access-used.ts";
import type { MeshWorld } from "../mesh-world.ts";

interface Role {
  /** Of its ClusterRole, its Role in osm-system, and the binding of each. */
  readonly name: string;
  readonly isIdentity: (user: string, groups: readonly string[]) => boolean;
  /** Granted and not seen in the run's audit log, each with its reason. */
  readonly unseen: Readonly<Record<string, string>>;
}

const forwarder = "system:serviceaccount:osm-system:osm-forwarder";

const roles = {
  "the reconciler": {
    name: "osm-reconciler",
    isIdentity: (_, groups) => groups.includes(reconcilersGroup),
    unseen: {
      "create /configmaps":
        "server-side apply of an object that does not exist asks for create too, and is logged as patch",
      "delete /configmaps":
        "of an account that has left the mesh, two minutes after its last pod; and one made immutable",
      "create egress.openservicemesh.io/egressrollouts in osm-system": "only when somebody has deleted it",
      "create egress.openservicemesh.io/meshinjections in osm-system named osm-config":
        "as with ConfigMaps: asked for by apply, logged as patch",
    },
  },
  "the forwarder": {
    name: "osm-forwarder",
    isIdentity: (user) => user === forwarder,
    unseen: {
      "create coordination.k8s.io/leases in osm-system named osm-forwarder":
        "its first sign of health: asked for by apply, logged as patch",
    },
  },
} as const satisfies Readonly<Record<string, Role>>;

const everyRole = Object.entries<Role>(roles);

export function rbacSuite(theMesh: () => MeshWorld): void {
  test.each(everyRole)(
    "RBAC of %s equals what the run's audit log shows used, but for what has a reason",
    async (_, { name, isIdentity, unseen }) => {
      const { cluster } = theMesh();
      const grants = await grantsTo(cluster, name);
      const used = await accessUsed(cluster.auditLogPath, isIdentity);
      expect(used.allowed.length).toBeGreaterThan(5);
      expect(used.refused).toEqual([]);
      const without = used.allowed.filter((use) => !grants.some((grant) => covers(grant, use)));
      expect(without).toEqual([]);
      const isUnused = (grant: Grant) => !used.allowed.some((use) => covers(grant, use));
      expect(
        grants
          .filter(isUnused)
          .map(grantText)
          .filter((text) => unseen[text] === undefined),
      ).toEqual([]);
    },
  );

  test.each(everyRole)("every reason of %s is for a grant that still stands", async (_, { name, unseen }) => {
    const texts = (await grantsTo(theMesh().cluster, name)).map(grantText);
    expect(Object.keys(unseen).filter((text) => !texts.includes(text))).toEqual([]);
  });

  // Roles that are compared say nothing of another one that is bound too.
  test.each(everyRole)("%s is bound to its two roles and to nothing else", async (_, { name, isIdentity }) => {
    const text = await theMesh().cluster.kubectl("get", "clusterrolebindings,rolebindings", "-A", "-o", "json");
    const { items } = JSON.parse(text) as { readonly items: readonly Binding[] };
    const bound = items.filter(({ subjects = [] }) => subjects.some((subject) => isMeant(subject, isIdentity)));
    expect(
      bound.map(({ metadata: { namespace, name: binding }, roleRef }) => [
        namespace,
        binding,
        roleRef.kind,
        roleRef.name,
      ]),
    ).toEqual([
      [undefined, name, "ClusterRole", name],
      ["osm-system", name, "Role", name],
    ]);
  });
}

interface Binding {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly Subject[];
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Named itself, in any of its spellings; what every service account may do is not meant. */
function isMeant({ kind, name, namespace }: Subject, isIdentity: Role["isIdentity"]): boolean {
  if (kind === "Group") return isIdentity("", [name]);
  return isIdentity(kind === "ServiceAccount" ? `system:serviceaccount:${namespace}:${name}` : name, []);
}

async function grantsTo(cluster: Cluster, name: string): Promise<readonly Grant[]> {
  return grantsOf([
    JSON.parse(await cluster.kubectl("get", "clusterrole", name, "-o", "json")),
    JSON.parse(await cluster.kubectl("get", "role", name, "-n", "osm-system", "-o", "json")),
  ]);
}
