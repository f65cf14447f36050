import type { KubeObject } from "#lib/kube/objects.ts";
import { annotations, labels } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import type { Parameters } from "../parameters.ts";
import { denyingBinding, validatingPolicy } from "./admission.ts";
import { injects } from "./exempt.ts";
import { lacking, mayExempt } from "./exempt-verb.ts";

const name = "osm-exempt-namespaces";

/**
 * What a namespace says of all its pods, for those who have the verb: that controllers may make exempt ones in it, and
 * that its pods get no sidecar any more, be it by annotation or by leaving the mesh.
 *
 * Not only mesh namespaces are looked at: one that is no member yet must not bring the permission along. Subresources may
 * change annotations too.
 */
export function exemptNamespacesPolicy(parameters: Parameters): KubeObject {
  const subject = `annotation ${annotations.allowExemptPods}`;
  return validatingPolicy(name, {
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [""],
          apiVersions: ["v1"],
          operations: ["CREATE", "UPDATE"],
          resources: ["namespaces", "namespaces/*"],
          scope: "Cluster",
        },
      ],
    },
    variables: [
      { name: "before", expression: allowance("oldObject").text },
      { name: "after", expression: allowance("object").text },
      mayExempt(parameters),
    ],
    validations: [
      {
        expression: `variables.after in ["", "true", "false"] || variables.after == variables.before`,
        message: `${subject}: must be true or false`,
        reason: "Invalid",
      },
      {
        expression: `variables.after != "true" || variables.before == "true" || variables.mayExempt`,
        message: `${name}: ${subject} needs a verb that you lack`,
        messageExpression: cel`${lacking(parameters)} + ${`, needed for ${subject} on a namespace`}`.text,
        reason: "Forbidden",
      },
      {
        expression: cel`
            oldObject == null || !${captures("oldObject", parameters)} || ${captures("object", parameters)}
              || variables.mayExempt`.text,
        message: `${name}: to leave a namespace's pods without a sidecar needs a verb that you lack`,
        messageExpression: cel`
            ${lacking(parameters)} + ", without which namespace " + object.metadata.name
              + ${` stays in the mesh (label ${labels.monitoredBy}) and injected (annotation ${annotations.injection})`}`
          .text,
        reason: "Forbidden",
      },
    ],
  });
}

export function exemptNamespacesBinding(): KubeObject {
  return denyingBinding(name);
}

function allowance(object: "object" | "oldObject"): Cel {
  return cel`
    ${new Cel(object)} == null ? "" : ${new Cel(object)}.metadata.?annotations[?${annotations.allowExemptPods}].orValue("")`;
}

/** Whether new pods of the namespace get a sidecar unless they say otherwise. */
function captures(object: "object" | "oldObject", { meshName }: Parameters): Cel {
  const label = cel`${new Cel(object)}.metadata.?labels[?${labels.monitoredBy}].orValue("")`;
  return cel`(${label} == ${meshName} && ${injects(object)})`;
}
