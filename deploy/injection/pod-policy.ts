import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, sidecar } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import type { Parameters } from "../parameters.ts";
import { volumeNames } from "./containers.ts";
import { injectionPolicyName, meshNamespaces } from "./policy.ts";
import { wishVariables } from "./variables.ts";

/**
 * Stands beside injection and has its name: refuses pods whose injection annotation, or their namespace's, is neither a
 * yes nor a no, and containers that mount a volume of the sidecar's, in one of which is Envoy's admin socket.
 *
 * A running pod's containers cannot get a new mount; only an ephemeral container can be added, by a subresource.
 */
export function podPolicy(): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: injectionPolicyName },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [rule("CREATE", "pods"), rule("UPDATE", "pods/ephemeralcontainers")],
      },
      variables: [
        ...wishVariables,
        {
          name: "intruders",
          // Of a pod that runs already only what is added is judged: the rest cannot be changed any more.
          expression: cel`
            request.operation == "UPDATE"
              ? ${mounting("object.spec.?ephemeralContainers.orValue([])")}
              : ${mounting("object.spec.containers")} + ${mounting(ownInitContainers)}`.text,
        },
      ],
      validations: [
        {
          expression: `request.operation == "UPDATE" || !variables.unknownWish`,
          message: `annotation ${annotations.injection} on the pod or its namespace: must be enabled or disabled`,
          reason: "Invalid",
        },
        {
          expression: "size(variables.intruders) == 0",
          message: `volumes ${volumeNames.join(", ")} are the sidecar's: no other container may mount them`,
          messageExpression: cel`
            "container " + variables.intruders.join(", ")
              + ${`: must not mount ${volumeNames.join(" or ")}, which are the sidecar's`}`.text,
          reason: "Forbidden",
        },
      ],
    },
  };
}

export function podPolicyBinding(parameters: Parameters): KubeObject {
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

/** Without the two that injection adds; what only has one of their names was rendered anew or is a duplicate. */
const ownInitContainers = cel`
  object.spec.?initContainers.orValue([]).filter(c,
    !(c.name in ${[sidecar.captureContainer, sidecar.container]}))`.text;

/** Names of those containers that mount one of the sidecar's volumes. */
function mounting(containers: string): Cel {
  return cel`
    ${new Cel(containers)}.filter(c,
      c.?volumeMounts.orValue([]).exists(m, m.name in ${[...volumeNames]})).map(c, c.name)`;
}

function rule(operation: "CREATE" | "UPDATE", resource: string) {
  return { apiGroups: [""], apiVersions: ["v1"], operations: [operation], resources: [resource], scope: "Namespaced" };
}
