import type { KubeObject } from "#lib/kube/objects.ts";
import { booleanSpellings, parseBoolean } from "#lib/mesh/boolean.ts";
import { injectionWishes } from "#lib/mesh/injection-rule.ts";
import { annotations } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import { meshNamespaces } from "../injection/policy.ts";
import type { Parameters } from "../parameters.ts";
import { denyingBinding, namespacedRule, validatingPolicy } from "./admission.ts";
import { namesServers, openedServers, serverVariables } from "./exempt-servers.ts";
import { lacking, mayExempt } from "./exempt-verb.ts";

const name = "osm-exempt";
const written = ["CREATE", "UPDATE"];
const falseSpellings = booleanSpellings.filter((text) => !parseBoolean(text));
const weakening = [annotations.injection, annotations.allowUdp, annotations.excludedRanges, annotations.excludedPorts];

/** Kubernetes' own, that make pods, or what makes pods; each acts for whoever wrote the template. */
const controllers = [
  "cronjob-controller",
  "daemon-set-controller",
  "deployment-controller",
  "job-controller",
  "replicaset-controller",
  "replication-controller",
  "statefulset-controller",
].map((account) => `system:serviceaccount:kube-system:${account}`);
/** Where all of them are one. */
const controllerManager = "system:kube-controller-manager";

/**
 * Annotations that weaken a pod's capture, and name servers of its own, are for those who have the verb: on pods and on
 * every template of Kubernetes' own kinds, which are judged when they are written. A controller cannot tell who wrote a
 * template, so what it makes of one is admitted where the namespace allows it.
 *
 * A running pod's annotations have no effect any more and are held all the same: others go by them.
 */
export function exemptPolicy(parameters: Parameters): KubeObject {
  return validatingPolicy(name, {
    matchConstraints: {
      resourceRules: [
        namespacedRule(written, ["pods", "replicationcontrollers"]),
        namespacedRule(written, ["deployments", "replicasets", "statefulsets", "daemonsets"], "apps"),
        namespacedRule(written, ["jobs", "cronjobs"], "batch"),
      ],
    },
    matchConditions: [
      {
        // Nearly every request ends here.
        name: "annotated",
        expression: cel`
            ${weakening}.exists(k, k in ${podAnnotations("object")}
              || (oldObject != null && k in ${podAnnotations("oldObject")})) || ${namesServers}`.text,
      },
    ],
    variables: [
      { name: "after", expression: podAnnotations("object").text },
      { name: "before", expression: cel`oldObject == null ? {} : ${podAnnotations("oldObject")}`.text },
      ...serverVariables,
      { name: "injects", expression: injects("namespaceObject").text },
      {
        name: "offending",
        expression: cel`
            ${weakening}.filter(k, variables.before[?k] != variables.after[?k]
              && (${weakens("after")} || (request.resource.resource == "pods" && ${weakens("before")})))
              + ${openedServers}`.text,
      },
      {
        name: "allowed",
        expression: cel`
            request.userInfo.username in ${[...controllers, controllerManager]}
              && namespaceObject.metadata.?annotations[?${annotations.allowExemptPods}].orValue("") == "true"`.text,
      },
      mayExempt(parameters),
    ],
    validations: [
      {
        expression: "size(variables.offending) == 0 || variables.allowed || variables.mayExempt",
        message: `${name}: what takes pods out of the capture needs a verb that you lack`,
        messageExpression: cel`
            ${lacking(parameters)} + ", needed for " + variables.offending.join(", ")
              + ${`: pods would get past the capture. An administrator may bind the role to you, or apply this; for what controllers make, somebody with the verb runs: kubectl annotate namespace `}
              + request.namespace + ${` ${annotations.allowExemptPods}=true`}`.text,
        reason: "Forbidden",
      },
    ],
  });
}

export function exemptBinding(parameters: Parameters): KubeObject {
  return denyingBinding(name, meshNamespaces(parameters));
}

/** Whether pods of the namespace get a sidecar unless they say otherwise; a spelling that nobody knows counts as a yes. */
export function injects(namespace: string): Cel {
  return cel`
    !(${new Cel(namespace)}.metadata.?annotations[?${annotations.injection}].orValue("").lowerAscii()
      in ${["", ...injectionWishes.disabled]})`;
}

/** Of the pod itself, or of those that will be made. */
function podAnnotations(object: "object" | "oldObject"): Cel {
  return new Cel(`(request.resource.resource == "pods" ? ${object}.metadata.?annotations
      : request.resource.resource == "cronjobs" ? ${object}.spec.jobTemplate.spec.template.?metadata.?annotations
      : ${object}.spec.?template.?metadata.?annotations).orValue({})`);
}

/** Whether annotation `k` of these weakens anything: a pod that nobody would inject is not weakened by saying so. */
function weakens(variable: "before" | "after"): Cel {
  const value = new Cel(`variables.${variable}[?k].orValue("")`);
  return cel`
    (k == ${annotations.injection} ? variables.injects && ${value}.lowerAscii() in ${[...injectionWishes.disabled]}
      : k == ${annotations.allowUdp} ? !(${value} in ${["", ...falseSpellings]})
      : ${value}.trim() != "")`;
}
