import type { KubeObject } from "#lib/kube/objects.ts";
import { systemNamespaces } from "#lib/mesh/injection-rule.ts";
import { apiVersion, injectionName, labels } from "#lib/mesh/names.ts";
import type { Parameters } from "../parameters.ts";
import { injectionVariables } from "./variables.ts";

export const injectionPolicyName = "osm-sidecar-injection";

/** The namespaces whose pods the mesh may take. The system's own never are, whatever their labels. */
export function meshNamespaces(parameters: Parameters) {
  return { matchLabels: { [labels.monitoredBy]: parameters.meshName }, ...ordinaryNamespaces(parameters) };
}

/** All but the system's own and the mesh's. */
export function ordinaryNamespaces(parameters: Parameters) {
  return {
    matchExpressions: [
      {
        key: "kubernetes.io/metadata.name",
        operator: "NotIn",
        values: [...systemNamespaces, parameters.osmNamespace],
      },
    ],
  };
}

/** Of both policies of this name: what pods get, and what their annotations may add to it. */
export const paramKind = { apiVersion, kind: "MeshInjection" };

export function paramRef(parameters: Parameters) {
  // `osm install` writes the parameter before the bindings. If somebody deletes it, new pods wait until it is back: the
  // other choice is pods that start open.
  return { name: injectionName, namespace: parameters.osmNamespace, parameterNotFoundAction: "Deny" };
}

/** Injection: the API server puts capture and sidecar into every pod of the mesh, at its creation. */
export function injectionPolicy(): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingAdmissionPolicy",
    metadata: { name: injectionPolicyName },
    spec: {
      paramKind,
      // A pod must never start uninjected because something about the policy is broken.
      failurePolicy: "Fail",
      // Another plug-in may put a container before ours; then the order is put right.
      reinvocationPolicy: "IfNeeded",
      matchConstraints: {
        matchPolicy: "Equivalent",
        resourceRules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" },
        ],
      },
      variables: injectionVariables,
      mutations: [
        {
          patchType: "JSONPatch",
          jsonPatch: {
            expression: [
              "!variables.inject ? [] : [",
              'JSONPatch{op: "add", path: "/spec/initContainers", value: variables.wantedInitContainers},',
              'JSONPatch{op: "add", path: "/spec/volumes", value: variables.wantedVolumes}]',
            ].join("\n"),
          },
        },
      ],
    },
  };
}

export function injectionBinding(parameters: Parameters): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingAdmissionPolicyBinding",
    metadata: { name: injectionPolicyName },
    spec: {
      policyName: injectionPolicyName,
      paramRef: paramRef(parameters),
      matchResources: { namespaceSelector: meshNamespaces(parameters) },
    },
  };
}
