import type { KubeObject } from "#lib/kube/objects.ts";
import { systemNamespaces } from "#lib/mesh/injection-rule.ts";
import { apiVersion, injectionName, labels } from "#lib/mesh/names.ts";
import type { Parameters } from "../parameters.ts";
import { injectionVariables } from "./variables.ts";

export const injectionPolicyName = "osm-sidecar-injection";

/** The namespaces whose pods the mesh may take. The system's own never are, whatever their labels. */
export function meshNamespaces(parameters: Parameters) {
  return {
    matchLabels: { [labels.monitoredBy]: parameters.meshName },
    matchExpressions: [
      {
        key: "kubernetes.io/metadata.name",
        operator: "NotIn",
        values: [...systemNamespaces, parameters.osmNamespace],
      },
    ],
  };
}

/** Injection: the API server puts capture and sidecar into every pod of the mesh, at its creation. */
export function injectionPolicy(): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingAdmissionPolicy",
    metadata: { name: injectionPolicyName },
    spec: {
      paramKind: { apiVersion, kind: "MeshInjection" },
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
      // `osm install` writes the parameter before this binding. If somebody deletes it, new pods wait until it is back:
      // the other choice is pods that start open.
      paramRef: { name: injectionName, namespace: parameters.osmNamespace, parameterNotFoundAction: "Deny" },
      matchResources: { namespaceSelector: meshNamespaces(parameters) },
    },
  };
}
