import type { KubeObject } from "#lib/kube/objects.ts";
import { booleanSpellings } from "#lib/mesh/boolean.ts";
import { osmConfigName } from "#lib/mesh/names.ts";
import { cel } from "../cel.ts";
import type { Parameters } from "../parameters.ts";
import { denyingBinding, validatingPolicy } from "./admission.ts";

const name = osmConfigName;
const accepted = booleanSpellings.join(" ");
/** Longest part of a bad value that is repeated to its author. */
const maxQuotedLength = 64;

/** The switch takes Go's twelve booleans and nothing else. DELETE is allowed: the mesh then keeps what it runs. */
export function osmConfigPolicy(parameters: Parameters): KubeObject {
  return validatingPolicy(name, {
    matchConstraints: {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": parameters.osmNamespace } },
      resourceRules: [
        {
          apiGroups: [""],
          apiVersions: ["v1"],
          operations: ["CREATE", "UPDATE"],
          resources: ["configmaps"],
          resourceNames: [osmConfigName],
          scope: "Namespaced",
        },
      ],
    },
    validations: [
      {
        expression: cel`object.?data[?"egress"].hasValue()`.text,
        message: `egress: is missing; set it to one of ${accepted}`,
        reason: "Invalid",
      },
      boolean("egress"),
      boolean("permissive_traffic_policy_mode"),
    ],
  });
}

export function osmConfigBinding(): KubeObject {
  return denyingBinding(name);
}

/** A key that, if it is there, is a boolean. Its message quotes the value, cut; quoted, a line break shows as `\\n`. */
function boolean(key: string) {
  const value = cel`object.data[${key}]`;
  return {
    expression: cel`!object.?data[?${key}].hasValue() || object.data[${key}] in ${[...booleanSpellings]}`.text,
    message: `${key}: must be a boolean; accepted: ${accepted}`,
    messageExpression: cel`
      ${`${key}: must be a boolean, got `}
        + strings.quote(size(${value}) > ${maxQuotedLength} ? ${value}.substring(0, ${maxQuotedLength}) + "…" : ${value})
        + ${`; accepted: ${accepted}`}`.text,
    reason: "Invalid",
  };
}
