import type { KubeObject } from "#lib/kube/objects.ts";
import {
  type ContainerCode,
  containerCodes,
  dangerousByDefault,
  harmlessCapability,
  nodeVolumeKinds,
  remedyOf,
} from "#lib/mesh/guarantee.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import { meshNamespaces } from "../injection/policy.ts";
import { wantedVariable, wishVariables } from "../injection/variables.ts";
import type { Parameters } from "../parameters.ts";
import { denyingBinding, namespacedRule, validatingPolicy } from "./admission.ts";

const name = "osm-strict";
/** No user has it. */
const nobody = -1;

/** For a container `c`: whether it is what the code says, as lib/mesh/pod-guarantee.ts finds it in pods that are there. */
const conditions: Readonly<Record<ContainerCode, string>> = {
  Privileged: "c.?securityContext.?privileged.orValue(false)",
  // Without no_new_privs a file of user 1500's with the setuid bit makes whoever runs it user 1500.
  MayEscalate: "c.?securityContext.?allowPrivilegeEscalation.orValue(true)",
  AddsCapabilities: cel`${capabilities("add")}.exists(n, n != ${harmlessCapability})`.text,
  // Another user than root has none of them in effect, and with no_new_privs there is no way to get them.
  KeepsCapabilities: cel`
    ${userOr(0)} == 0 && !(${capabilities("drop")}.exists(n, n == "ALL")
      || ${[...dangerousByDefault]}.all(n, n in ${capabilities("drop")}))`.text,
  SidecarUser: cel`${userOr(nobody)} == ${sidecar.uid}`.text,
  // The image's is not known here.
  UnknownUser: cel`${userOr(nobody)} == ${nobody}`.text,
};

/** Refuses pods for which "off means nothing gets out" would not hold. Installed by `osm install --strict`. */
export function strictPolicy(): KubeObject {
  return validatingPolicy(name, {
    matchConstraints: {
      resourceRules: [
        namespacedRule(["CREATE"], ["pods"]),
        // What is added to a running pod is one of its containers too.
        namespacedRule(["UPDATE"], ["pods/ephemeralcontainers"]),
      ],
    },
    variables: [
      ...wishVariables,
      wantedVariable,
      { name: "judged", expression: "variables.wanted && !variables.windows" },
      {
        name: "containers",
        expression: cel`
            !variables.judged ? []
              : request.operation == "UPDATE" ? object.spec.?ephemeralContainers.orValue([]).filter(c,
                !oldObject.spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name))
              : object.spec.containers + object.spec.?initContainers.orValue([]).filter(c,
                !(c.name in ${[sidecar.captureContainer, sidecar.container]}))`.text,
      },
      {
        name: "nodeVolumes",
        expression: `!variables.judged || request.operation == "UPDATE" ? [] : object.spec.?volumes.orValue([]).filter(v,
              ${nodeVolumeKinds.map((kind) => `v.?${kind}.hasValue()`).join(" || ")}).map(v, v.name)`,
      },
      ...containerCodes.map((code) => offenders(code, conditions[code])),
    ],
    validations: [
      {
        expression: "!variables.judged || !object.spec.?hostNetwork.orValue(false)",
        message: `${name}: a pod of the mesh must ${remedyOf("HostNetwork")}`,
        reason: "Forbidden",
      },
      {
        expression: "!variables.judged || !object.spec.?hostPID.orValue(false)",
        message: `${name}: a pod of the mesh must ${remedyOf("NodeProcesses")}`,
        reason: "Forbidden",
      },
      {
        expression: "size(variables.nodeVolumes) == 0",
        message: `${name}: a pod of the mesh must ${remedyOf("NodeVolumes")}`,
        messageExpression: cel`
            ${`${name}: volume `} + variables.nodeVolumes.join(", ")
              + ${`: a pod of the mesh must ${remedyOf("NodeVolumes")}`}`.text,
        reason: "Forbidden",
      },
      ...containerCodes.map((code) => without(code, `must ${remedyOf(code)}`)),
    ],
  });
}

export function strictBinding(parameters: Parameters): KubeObject {
  return denyingBinding(name, meshNamespaces(parameters));
}

function capabilities(list: "add" | "drop"): Cel {
  return new Cel(`c.?securityContext.?capabilities.?${list}.orValue([]).map(n, n.upperAscii().replace("CAP_", ""))`);
}

/** The container's user, else the pod's, else this. */
function userOr(absent: number): Cel {
  return cel`c.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue(${absent}))`;
}

/** Names of the containers `c` for which the condition holds. */
function offenders(variable: string, condition: string) {
  return { name: variable, expression: `variables.containers.filter(c, ${condition}).map(c, c.name)` };
}

function without(variable: string, rule: string) {
  return {
    expression: `size(variables.${variable}) == 0`,
    message: `${name}: containers of a mesh pod ${rule}`,
    messageExpression: cel`${`${name}: container `} + variables.${new Cel(variable)}.join(", ") + ${` ${rule}`}`.text,
    reason: "Forbidden",
  };
}
