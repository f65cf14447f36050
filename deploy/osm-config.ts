import type { KubeObject } from "#lib/kube/objects.ts";
import { apiVersion, injectionName, osmConfigName, rolloutName } from "#lib/mesh/names.ts";
import type { Parameters } from "./parameters.ts";

/** Nothing in it needs more than Pod Security's strictest level. */
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
    data: {
      egress: String(parameters.egress),
      permissive_traffic_policy_mode: String(parameters.permissive),
    },
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
