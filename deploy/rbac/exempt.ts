import type { KubeObject } from "#lib/kube/objects.ts";
import { apiGroup, exempt, rolloutName } from "#lib/mesh/names.ts";

/**
 * For whoever is to take pods out of the capture: bound by an administrator, in the mesh's own namespace or everywhere. No
 * other role contains it but those that contain everything.
 */
export const exemptRole: KubeObject = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: exempt.role },
  rules: [{ apiGroups: [apiGroup], resources: ["egressrollouts"], resourceNames: [rolloutName], verbs: [exempt.verb] }],
};
