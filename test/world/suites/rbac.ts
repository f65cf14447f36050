import { expect, test } from "vitest";
import { reconcilersGroup } from "#lib/mesh/names.ts";
import { accessUsed, covers, type Grant, grantsOf, grantText } from "../access-used.ts";
import type { MeshWorld } from "../mesh-world.ts";

/** Granted and not seen in the run's audit log, each with its reason. */
const unseen: Readonly<Record<string, string>> = {
  "create /configmaps":
    "server-side apply of an object that does not exist asks for create too, and is logged as patch",
  "delete /configmaps": "of an account that has left the mesh, two minutes after its last pod; and one made immutable",
  "create egress.openservicemesh.io/egressrollouts in osm-system": "only when somebody has deleted it",
  "create egress.openservicemesh.io/meshinjections in osm-system named osm-config":
    "as with ConfigMaps: asked for by apply, logged as patch",
};

export function rbacSuite(theMesh: () => MeshWorld): void {
  test.each([
    ["the reconciler", "osm-reconciler", (_: string, groups: readonly string[]) => groups.includes(reconcilersGroup)],
    ["the forwarder", "osm-forwarder", (user: string) => user === "system:serviceaccount:osm-system:osm-forwarder"],
  ])(
    "RBAC of %s equals what the run's audit log shows used, but for what has a reason",
    async (_, role, isIdentity) => {
      const { cluster } = theMesh();
      const grants = grantsOf([
        JSON.parse(await cluster.kubectl("get", "clusterrole", role, "-o", "json")),
        JSON.parse(await cluster.kubectl("get", "role", role, "-n", "osm-system", "-o", "json")),
      ]);
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

  test("every reason is for a grant that still stands", async () => {
    const { cluster } = theMesh();
    const roles = ["osm-reconciler", "osm-forwarder"].flatMap((role) => [
      cluster.kubectl("get", "clusterrole", role, "-o", "json"),
      cluster.kubectl("get", "role", role, "-n", "osm-system", "-o", "json"),
    ]);
    const grants = grantsOf((await Promise.all(roles)).map((text) => JSON.parse(text)));
    expect(Object.keys(unseen).filter((text) => !grants.map(grantText).includes(text))).toEqual([]);
  });
}
