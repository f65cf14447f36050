import type { KubeObject } from "#lib/kube/objects.ts";

const apiVersion = "admissionregistration.k8s.io/v1";

/** A policy that refuses also what it cannot judge. @param spec  all but that */
export function validatingPolicy(name: string, spec: object): KubeObject {
  return {
    apiVersion,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name },
    spec: { failurePolicy: "Fail", ...spec },
  };
}

/** Its binding, of the same name. @param namespaceSelector  absent: everywhere */
export function denyingBinding(name: string, namespaceSelector?: object): KubeObject {
  return {
    apiVersion,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ["Deny"],
      ...(namespaceSelector === undefined ? {} : { matchResources: { namespaceSelector } }),
    },
  };
}

/** Requests for objects in namespaces, of version 1 of a group; by default Kubernetes' own. */
export function namespacedRule(operations: readonly string[], resources: readonly string[], apiGroup = "") {
  return { apiGroups: [apiGroup], apiVersions: ["v1"], operations, resources, scope: "Namespaced" };
}
