import type { AccessRule } from "../kube/access-rule.ts";
import type { WatchTarget } from "../kube/watch.ts";
import { forwarderName, labels, type MeshPlace, meshPlace, osmConfigName } from "../mesh/names.ts";

/** Kinds that the forwarder watches. The order is the one in which they are opened. */
export type WatchedKind = "ConfigMap" | "Namespace" | "ServiceAccount" | "Service" | "Pod";

export interface Watched {
  readonly kind: WatchedKind;
  readonly target: WatchTarget;
}

/**
 * What is watched, each as narrow as the API allows: one ConfigMap by name, namespaces by label. Namespaces come and go,
 * and pods stay in the mesh when their namespace leaves it, so the others are watched across the cluster and reduced
 * here.
 */
export function watchedIn(place: MeshPlace): readonly Watched[] {
  const core = (plural: string, namespaced = true) => ({ apiVersion: "v1", plural, namespaced });
  return [
    {
      kind: "ConfigMap",
      target: {
        resource: core("configmaps"),
        namespace: place.osmNamespace,
        fieldSelector: `metadata.name=${osmConfigName}`,
        // The switch: a connection that died without a word may hide a change of it for this long, no longer.
        lifeSeconds: 20,
      },
    },
    {
      kind: "Namespace",
      target: {
        resource: core("namespaces", false),
        labelSelector: `${labels.monitoredBy}=${place.meshName}`,
        lifeSeconds: 60,
      },
    },
    { kind: "ServiceAccount", target: { resource: core("serviceaccounts"), lifeSeconds: 60 } },
    { kind: "Service", target: { resource: core("services"), lifeSeconds: 60 } },
    { kind: "Pod", target: { resource: core("pods"), lifeSeconds: 60 } },
  ];
}

/**
 * The RBAC that the watches above and the heartbeat need, and nothing more: `role` in the namespace of osm-config,
 * `clusterRole` everywhere. A list with a field selector on the name is allowed by `resourceNames`.
 */
export const forwarderAccess: {
  readonly role: { readonly rules: readonly AccessRule[] };
  readonly clusterRole: { readonly rules: readonly AccessRule[] };
} = {
  role: {
    rules: [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: [osmConfigName], verbs: ["list", "watch"] },
      // Its sign of health, by server-side apply, which names what it creates.
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        resourceNames: [forwarderName],
        verbs: ["create", "patch"],
      },
    ],
  },
  clusterRole: {
    rules: [
      {
        apiGroups: [""],
        resources: watchedIn(meshPlace)
          .filter(({ target }) => target.namespace === undefined)
          .map(({ target }) => target.resource.plural),
        verbs: ["list", "watch"],
      },
    ],
  },
};
