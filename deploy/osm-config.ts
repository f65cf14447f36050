import type { KubeObject } from "#lib/kube/objects.ts";
import { apiVersion, injectionName, osmConfigName, rolloutName } from "#lib/mesh/names.ts";
import type { Parameters } from "./parameters.ts";

/**
 * As it is made where there is none: nothing in it needs more than Pod Security's strictest level. One that exists has
 * pods of others in it, maybe, and labels of its owner's.
 */
export function osmNamespaceObject(parameters: Parameters): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: parameters.osmNamespace,
      labels: { name: parameters.osmNamespace, "pod-security.kubernetes.io/enforce": "restricted" },
    },
  };
}

/** The first osm-config. From then on it is its owner's: a later installation changes only what it was told to. */
export function osmConfig(parameters: Parameters): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: osmConfigName, namespace: parameters.osmNamespace },
    data: { egress: "false", permissive_traffic_policy_mode: "false", ...namedValues(parameters) },
  };
}

/** Those keys of osm-config that somebody has given a value for. */
export function namedValues({ egress, permissive }: Parameters): Readonly<Record<string, string>> {
  return {
    ...(egress === undefined ? {} : { egress: String(egress) }),
    ...(permissive === undefined ? {} : { permissive_traffic_policy_mode: String(permissive) }),
  };
}

/** The injection policy's parameter. Only the image is the installation's; the reconciler adds what osm-config says. */
export function meshInjection(parameters: Parameters): KubeObject {
  return {
    apiVersion,
    kind: "MeshInjection",
    metadata: { name: injectionName, namespace: parameters.osmNamespace },
    spec: { images: { sidecar: parameters.images.sidecar } },
  };
}

/** Where the reconciler says how far a change has got. */
export function egressRollout(parameters: Parameters): KubeObject {
  return {
    apiVersion,
    kind: "EgressRollout",
    metadata: { name: rolloutName, namespace: parameters.osmNamespace },
    spec: {},
  };
}
