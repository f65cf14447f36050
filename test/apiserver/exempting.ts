import { osmNamespaceObject } from "#deploy/osm-config.ts";
import { defaults } from "#deploy/parameters.ts";
import { exemptBinding, exemptPolicy } from "#deploy/policies/exempt.ts";
import { exemptRole } from "#deploy/rbac/exempt.ts";
import type { KubeConnection, KubeResponse } from "#lib/kube/connection.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations } from "#lib/mesh/names.ts";
import { eventually } from "#test/eventually.ts";
import { applyAll, connectAs, messageOf } from "./api.ts";
import { namespace, serviceAccount } from "./pods.ts";

/** What `edit` is made of; on a bare API server nobody puts it together. */
export const edit = ["system:aggregate-to-edit", "system:aggregate-to-view"];

/** The role, in the namespace, for users. */
export function bound(role: string, where: string, ...users: readonly string[]): KubeObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: `test-${role.replace("system:", "")}`, namespace: where },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: users.map((name) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "User", name })),
  };
}

/** What it was refused with, or else its status. */
export function refusal(response: KubeResponse): string {
  return response.status === 403 ? messageOf(response) : `${response.status}`;
}

/** By what the policy goes by: two members, of which one allows controllers exempt pods; one that injects nothing by itself; no member. */
export interface ExemptingNamespaces {
  readonly shop: string;
  readonly granted: string;
  readonly plain: string;
  readonly outside: string;
}

/**
 * The policy, and who is asked by it: `editor` and the others may edit everywhere, `exempter` has the verb besides.
 *
 * @param makeExempt  a pod that takes something out of its capture, tried until the right ones are admitted and refused
 */
export async function prepareExempting(
  { shop, granted, plain, outside }: ExemptingNamespaces,
  makeExempt: (connection: KubeConnection, namespace: string) => Promise<KubeResponse>,
  ...others: readonly string[]
): Promise<void> {
  const admin = connectAs("admin");
  const editors = ["editor", "exempter", "system:kube-controller-manager", ...others];
  const everywhere = [shop, granted, plain, outside];
  await applyAll(admin, [
    osmNamespaceObject(defaults),
    exemptRole,
    bound(exemptRole.metadata.name, "osm-system", "exempter"),
    namespace(shop, "enabled"),
    namespace(granted, "enabled"),
    namespace(plain),
    namespace(outside, "enabled", false),
    ...everywhere.map((name) => serviceAccount(name)),
    ...everywhere.flatMap((name) => edit.map((role) => bound(role, name, ...editors))),
    exemptPolicy(defaults),
    exemptBinding(defaults),
  ]);
  const allowing = { metadata: { annotations: { [annotations.allowExemptPods]: "true" } } };
  const contentType = "application/merge-patch+json";
  await admin.send({ method: "PATCH", path: `/api/v1/namespaces/${granted}`, contentType, body: allowing });
  await eventually("roles and policy are in force", async () => {
    const [theirs, exempted, allowed] = await Promise.all([
      makeExempt(connectAs("editor"), shop),
      makeExempt(connectAs("exempter"), shop),
      makeExempt(connectAs("replicaSetController"), granted),
    ]);
    return refusal(theirs).includes("lacks verb") && exempted.status === 201 && allowed.status === 201;
  });
}
