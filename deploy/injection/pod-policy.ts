import { injectedVolumeNames } from "#lib/envoy/injected-containers.ts";
import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, sidecar } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import type { Parameters } from "../parameters.ts";
import { captureItemVariables, captureValidations } from "./capture-annotations.ts";
import { detourValidations, detourVariables } from "./detours.ts";
import { injectionPolicyName, meshNamespaces, paramKind, paramRef } from "./policy.ts";
import { wantedVariable, wishVariables } from "./variables.ts";

/**
 * Stands beside injection and has its name: refuses pods whose annotations cannot be used (injection that is neither a yes
 * nor a no, also the namespace's; exclusions that are no ranges or ports, or reach the mesh's Services), containers that
 * mount a volume of the sidecar's, in one of which is Envoy's admin socket, and what would lead past the capture without a
 * container that is allowed to (detours.ts).
 *
 * Where the API server injects, it also refuses what has come through without: if injection is lost, or undone by a
 * webhook, pods wait and do not start open.
 *
 * A running pod's containers cannot get a new mount; only an ephemeral container can be added, by a subresource: policies/sidecar-guard.ts.
 */
export function podPolicy({ injects = true }: Pick<Parameters, "injects"> = {}): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: injectionPolicyName },
    spec: {
      paramKind,
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" },
        ],
      },
      variables: [
        ...wishVariables,
        wantedVariable,
        ...captureItemVariables,
        ...detourVariables(`object.spec.containers + ${ownInitContainers}`),
        {
          name: "intruders",
          expression: cel`${mounting("object.spec.containers")} + ${mounting(ownInitContainers)}`.text,
        },
      ],
      validations: [
        {
          expression: "!variables.unknownWish",
          message: `annotation ${annotations.injection} on the pod or its namespace: must be enabled or disabled`,
          reason: "Invalid",
        },
        ...captureValidations("variables.wanted && !variables.impossible"),
        {
          expression: "size(variables.intruders) == 0",
          message: `volumes ${injectedVolumeNames.join(", ")} are the sidecar's: no other container may mount them`,
          messageExpression: cel`
            "container " + variables.intruders.join(", ")
              + ${`: must not mount ${injectedVolumeNames.join(" or ")}, which are the sidecar's`}`.text,
          reason: "Forbidden",
        },
        ...detourValidations,
        ...(injects ? [backstop] : []),
      ],
    },
  };
}

/** How the refusal begins of a pod that injection has not come to. */
export const notInjected = "the pod has not got its sidecar";

const backstop = {
  expression: cel`
    !variables.judged || (size(object.spec.?initContainers.orValue([])) > 1
      && object.spec.initContainers[0].name == ${sidecar.captureContainer}
      && object.spec.initContainers[1].name == ${sidecar.container}
      && object.spec.initContainers[1].?restartPolicy.orValue("") == "Always")`.text,
  message: `${notInjected}, or not first: policy ${injectionPolicyName} or its binding is missing, or a webhook has changed what it did; osm install puts the policy back`,
  reason: "Forbidden",
};

export function podPolicyBinding(parameters: Parameters): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: injectionPolicyName },
    spec: {
      policyName: injectionPolicyName,
      paramRef: paramRef(parameters),
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
      c.?volumeMounts.orValue([]).exists(m, m.name in ${[...injectedVolumeNames]})).map(c, c.name)`;
}
