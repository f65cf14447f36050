import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, injectionName, leaseName, ports, reconcilersGroup, rolloutName } from "#lib/mesh/names.ts";
import { plainConfigPrefix } from "#lib/mesh/sidecar-config-name.ts";
import { Cel, cel } from "../cel.ts";
import type { Parameters } from "../parameters.ts";

const name = "osm-reconciler";
const lastGoodPrefix = "osm-last-good.";

/**
 * What the reconciler may do beyond what RBAC can say: names by prefix, names on creation, one port of `pods/proxy`, one
 * annotation of pods. It holds even if somebody grants the group more, and if its credentials leak.
 *
 * That `pods/proxy` is GET only is RBAC's part (verb `get`).
 */
export function reconcilerPolicy(parameters: Parameters): KubeObject {
  const osmNamespace = parameters.osmNamespace;
  const only = (plural: string, wanted: string) => ({
    expression: cel`
      request.resource.resource != ${plural}
        || (request.namespace == ${osmNamespace} && request.name == ${wanted})`.text,
    message: `group ${reconcilersGroup}: ${plural}: only ${osmNamespace}/${wanted}`,
    reason: "Forbidden",
  });
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          rule("", ["configmaps", "pods"], ["CREATE", "UPDATE", "DELETE"]),
          rule("", ["pods/*"], ["CREATE", "UPDATE", "CONNECT"]),
          rule("coordination.k8s.io", ["leases"], ["CREATE", "UPDATE", "DELETE"]),
          rule("egress.openservicemesh.io", ["*/*"], ["CREATE", "UPDATE", "DELETE"]),
        ],
      },
      matchConditions: [
        { name: "reconcilers", expression: cel`${reconcilersGroup} in request.userInfo.?groups.orValue([])`.text },
      ],
      variables: [{ name: "subresource", expression: cel`request.?subResource.orValue("")`.text }],
      validations: [
        {
          expression: cel`
            request.resource.resource != "configmaps"
              || request.name.startsWith(${plainConfigPrefix})
              || (request.namespace == ${osmNamespace} && request.name.startsWith(${lastGoodPrefix}))`.text,
          message: `group ${reconcilersGroup}: configmaps: only ${plainConfigPrefix}*, and ${lastGoodPrefix}* in ${osmNamespace}`,
          reason: "Forbidden",
        },
        only("leases", leaseName),
        only("meshinjections", injectionName),
        only("egressrollouts", rolloutName),
        {
          expression: cel`
            request.resource.group != "egress.openservicemesh.io"
              || request.resource.resource in ["egressrollouts", "meshinjections"]`.text,
          message: `group ${reconcilersGroup}: only egressrollouts and meshinjections of its own API group`,
          reason: "Forbidden",
        },
        {
          expression: cel`
            request.resource.resource != "pods" || variables.subresource != "proxy"
              || request.name.endsWith(${`:${ports.status}`})`.text,
          message: `group ${reconcilersGroup}: pods/proxy: only port ${ports.status}`,
          reason: "Forbidden",
        },
        {
          // The API server itself raises a pod's generation when anything in its spec changes, whatever the client says
          // (since 1.35 everywhere). To compare whole specs here would make a poke cost up to twice as much.
          expression: cel`
            request.resource.resource != "pods" || variables.subresource == "proxy"
              || (variables.subresource == "" && request.operation == "UPDATE"
                && object.metadata.generation == oldObject.metadata.generation && ${sameMetadata()})`.text,
          message: `group ${reconcilersGroup}: pods: only annotation ${annotations.poke} may change`,
          reason: "Forbidden",
        },
      ],
    },
  };
}

export function reconcilerBinding(): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name },
    spec: { policyName: name, validationActions: ["Deny"] },
  };
}

/** Everything in a pod's metadata that is a person's to change, but for the reconciler's annotation. */
function sameMetadata(): Cel {
  const fields = ["labels", "finalizers", "ownerReferences"]
    .map((field) => `object.metadata.?${field} == oldObject.metadata.?${field}`)
    .join(" && ");
  const kept = (object: string, other: string) =>
    cel`
      ${new Cel(object)}.metadata.?annotations.orValue({}).all(k,
        k == ${annotations.poke}
          || ${new Cel(other)}.metadata.?annotations[?k] == ${new Cel(object)}.metadata.?annotations[?k])`.text;
  return new Cel(`${fields} && ${kept("object", "oldObject")} && ${kept("oldObject", "object")}`);
}

function rule(apiGroup: string, resources: readonly string[], operations: readonly string[]) {
  return { apiGroups: [apiGroup], apiVersions: ["*"], operations, resources, scope: "*" };
}
