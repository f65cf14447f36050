import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations } from "#lib/mesh/names.ts";
import type { Parameters } from "../parameters.ts";
import { injectionPolicyName, meshNamespaces } from "./policy.ts";
import { wishVariables } from "./variables.ts";

/** Refuses pods whose injection annotation, or their namespace's, is neither a yes nor a no. */
export function annotationPolicy(): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: injectionPolicyName },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" },
        ],
      },
      variables: wishVariables,
      validations: [
        {
          expression: "!variables.unknownWish",
          message: `annotation ${annotations.injection} on the pod or its namespace: must be enabled or disabled`,
          reason: "Invalid",
        },
      ],
    },
  };
}

export function annotationBinding(parameters: Parameters): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: injectionPolicyName },
    spec: {
      policyName: injectionPolicyName,
      validationActions: ["Deny"],
      matchResources: { namespaceSelector: meshNamespaces(parameters) },
    },
  };
}
