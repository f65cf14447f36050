import type { KubeObject } from "#lib/kube/objects.ts";
import { sidecar } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import { meshNamespaces } from "../injection/policy.ts";
import { wantedVariable, wishVariables } from "../injection/variables.ts";
import type { Parameters } from "../parameters.ts";

const name = "osm-strict";

/** What a container has unless it drops it, and what lets it become Envoy's user or change its own network. */
const dangerousByDefault = ["SETUID", "SETGID", "NET_RAW"];
/**
 * The one capability that may be added. Most of the others lead to Envoy's user or to the network, some by a detour:
 * SYS_PTRACE and SYS_ADMIN enter other processes, BPF and SYS_MODULE the kernel.
 */
const harmless = "NET_BIND_SERVICE";

/**
 * Refuses pods for which "off means nothing gets out" would not hold. Installed by `osm install --strict`.
 *
 * A user that the image alone names cannot be seen here, so containers have to say theirs.
 */
export function strictPolicy(): KubeObject {
  const capabilities = (list: "add" | "drop") =>
    `c.?securityContext.?capabilities.?${list}.orValue([]).map(n, n.upperAscii().replace("CAP_", ""))`;
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" },
        ],
      },
      variables: [
        ...wishVariables,
        wantedVariable,
        { name: "judged", expression: "variables.wanted && !variables.windows" },
        {
          name: "containers",
          expression: cel`
            !variables.judged ? [] : object.spec.containers + object.spec.?initContainers.orValue([]).filter(c,
              !(c.name in ${[sidecar.captureContainer, sidecar.container]}))`.text,
        },
        offenders("privileged", "c.?securityContext.?privileged.orValue(false)"),
        // Without no_new_privs a file of user 1500's with the setuid bit makes whoever runs it user 1500.
        offenders("escalating", "c.?securityContext.?allowPrivilegeEscalation.orValue(true)"),
        offenders(
          "capable",
          cel`
            ${new Cel(capabilities("add"))}.exists(n, n != ${harmless})
              || !(${new Cel(capabilities("drop"))}.exists(n, n == "ALL")
                || ${dangerousByDefault}.all(n, n in ${new Cel(capabilities("drop"))}))`.text,
        ),
        offenders(
          "anybody",
          cel`
            c.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue(${sidecar.uid}))
              == ${sidecar.uid}`.text,
        ),
      ],
      validations: [
        {
          expression: "!variables.judged || !object.spec.?hostNetwork.orValue(false)",
          message: `${name}: a pod of the mesh must not be in the host's network, where nothing is captured`,
          reason: "Forbidden",
        },
        without("privileged", "must not be privileged"),
        without("escalating", "must set allowPrivilegeEscalation to false"),
        without("capable", `must drop ALL, or ${dangerousByDefault.join(", ")}, and add nothing but ${harmless}`),
        without("anybody", `must set runAsUser, in the container or the pod, to anything but ${sidecar.uid}`),
      ],
    },
  };
}

export function strictBinding(parameters: Parameters): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ["Deny"],
      matchResources: { namespaceSelector: meshNamespaces(parameters) },
    },
  };
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
