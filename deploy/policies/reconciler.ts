import type { KubeObject } from "#lib/kube/objects.ts";
import {
  annotations,
  injectionName,
  lastGoodPrefix,
  leaseName,
  ports,
  reconcilersGroup,
  rolloutName,
} from "#lib/mesh/names.ts";
import { plainConfigPrefix } from "#lib/mesh/sidecar-config-name.ts";
import { Cel, cel } from "../cel.ts";
import type { Parameters } from "../parameters.ts";
import { denyingBinding, validatingPolicy } from "./admission.ts";

const name = "osm-reconciler";
/** A digest, a time and three words are far less. */
const maxPokeLength = 256;

/**
 * What the reconciler may do beyond what RBAC can say: names by prefix, names on creation, one port of `pods/proxy`, one
 * annotation of pods. For these kinds it holds even if somebody grants the group more, and if its credentials leak.
 *
 * The image that injection puts into pods is the installation's, and no reconciler's to choose.
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
  return validatingPolicy(name, {
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
      {
        // New pods run this image as root, free to change their network: not for whoever has got hold of a token.
        expression: cel`
            request.resource.resource != "meshinjections" || request.operation == "DELETE"
              || object.spec.images.sidecar
                == (oldObject == null ? ${parameters.images.sidecar} : oldObject.spec.images.sidecar)`.text,
        message: `group ${reconcilersGroup}: meshinjections: spec.images is the installation's; osm install changes it`,
        reason: "Forbidden",
      },
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
        // The API server itself raises a pod's generation when anything in its spec changes, whatever the client says.
        // To compare whole specs costs a poke up to twice as much: only for pods without one, which Kubernetes before
        // 1.34 has made. (There somebody who creates a pod may have written one, which then stands for nothing: the
        // reconciler could change the few fields of his own pod that can be changed.)
        expression: cel`
            request.resource.resource != "pods" || variables.subresource == "proxy"
              || (variables.subresource == "" && request.operation == "UPDATE"
                && object.metadata.?generation == oldObject.metadata.?generation
                && (oldObject.metadata.?generation.hasValue() || object.spec == oldObject.spec)
                && ${sameMetadata()})`.text,
        message: `group ${reconcilersGroup}: pods: only annotation ${annotations.poke} may change`,
        reason: "Forbidden",
      },
      {
        // A pod's annotations share 256 KiB: who fills them keeps others from writing theirs.
        expression: cel`
            request.resource.resource != "pods" || variables.subresource != ""
              || object.metadata.?annotations[?${annotations.poke}].orValue("").size() <= ${maxPokeLength}`.text,
        message: `group ${reconcilersGroup}: pods: annotation ${annotations.poke}: at most ${maxPokeLength} characters`,
        reason: "Forbidden",
      },
    ],
  });
}

export function reconcilerBinding(): KubeObject {
  return denyingBinding(name);
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
