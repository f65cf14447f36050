import { type KubeObject, overtaken } from "#lib/kube/objects.ts";
import { maxFencing } from "#lib/mesh/fencing.ts";
import { annotations, reconcilersGroup } from "#lib/mesh/names.ts";
import { plainConfigPrefix } from "#lib/mesh/sidecar-config-name.ts";
import { Cel, cel } from "../cel.ts";
import { denyingBinding, namespacedRule, validatingPolicy } from "./admission.ts";

const name = "osm-sidecar-config";

/**
 * Sidecars do what their ConfigMap says, so nobody but the reconcilers may write one, wherever it is: pods keep their
 * sidecar when their namespace leaves the mesh. And a reconciler may not who has been overtaken: the number on the object
 * never falls, so one that was frozen and woken is refused by the API server itself.
 *
 * When a namespace goes, its ConfigMaps go with it, by whoever removes them.
 */
export function sidecarConfigPolicy(): KubeObject {
  return validatingPolicy(name, {
    matchConstraints: {
      resourceRules: [namespacedRule(["CREATE", "UPDATE", "DELETE"], ["configmaps"])],
    },
    matchConditions: [
      {
        // Of the objects, not of the request: one that deletes many, or leaves the name to the server, names none.
        name: "sidecars",
        expression: cel`
            (oldObject != null ? oldObject.metadata.name
              : object.metadata.?name.orValue(object.metadata.?generateName.orValue("")))
              .startsWith(${plainConfigPrefix})`.text,
      },
    ],
    variables: [
      {
        name: "goes",
        expression: `request.operation == "DELETE" && namespaceObject.metadata.?deletionTimestamp.hasValue()`,
      },
      number("before", "oldObject"),
      number("after", "object"),
    ],
    validations: [
      {
        expression: cel`
            variables.goes || ${reconcilersGroup} in request.userInfo.?groups.orValue([])`.text,
        message: `only group ${reconcilersGroup} writes what a sidecar runs; osm namespace add and osm reconcile do it for you`,
        reason: "Forbidden",
      },
      {
        expression: `request.operation == "DELETE" || variables.after >= variables.before`,
        message: "overtaken: another pass has written this since",
        messageExpression: cel`
            ${`${overtaken} `} + string(variables.after) + " is older than " + string(variables.before)`.text,
        reason: "Forbidden",
      },
    ],
  });
}

export function sidecarConfigBinding(): KubeObject {
  return denyingBinding(name);
}

/** The fencing number of what is there, or is to be; -1 where there is none, or what somebody wrote cannot be one. */
function number(variable: string, object: "object" | "oldObject") {
  const annotation = cel`${new Cel(object)}.metadata.?annotations[?${annotations.fencing}].orValue("")`;
  return {
    name: variable,
    expression: cel`
      ${new Cel(object)} != null && ${annotation}.matches("^[0-9]{1,10}$") && int(${annotation}) <= ${maxFencing}
        ? int(${annotation}) : -1`.text,
  };
}
