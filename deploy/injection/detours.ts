import { Cel, cel } from "../cel.ts";
import type { Variable } from "./variables.ts";

/** Fields of a container that say what its kubelet asks, and when; below each, how. */
export const handlers = [
  ["livenessProbe"],
  ["readinessProbe"],
  ["startupProbe"],
  ["lifecycle", "postStart"],
  ["lifecycle", "preStop"],
];
export const askingKinds = ["httpGet", "tcpSocket"];

const namesHost = handlers
  .flatMap((handler) => askingKinds.map((kind) => `c.?${[...handler, kind].join(".?")}.?host.orValue("") != ""`))
  .join("\n          || ");

/**
 * All that a resolver option's name or value may consist of. They are joined into resolv.conf as they are: a line break
 * would begin a line with another name server. Search domains need no such rule; the API server takes DNS names alone.
 */
export const optionText = "^[A-Za-z0-9_.:-]*$";

/**
 * Ways past the capture that a pod's spec has besides its containers: what the kubelet does for it from the node's network,
 * and resolver options that are none.
 *
 * @param containers  CEL: those to look at, of a pod that is being created
 */
export function detourVariables(containers: string): readonly Variable[] {
  return [
    { name: "judged", expression: "variables.wanted && !variables.impossible" },
    {
      name: "asking",
      expression: cel`
        !variables.judged ? [] : (${new Cel(containers)}).filter(c,
          ${new Cel(namesHost)}).map(c, c.name)`.text,
    },
    {
      name: "oddOptions",
      expression: cel`
        !variables.judged ? [] : object.spec.?dnsConfig.?options.orValue([]).map(o,
          o.?name.orValue("") + ":" + o.?value.orValue("")).filter(t, !t.matches(${optionText}))`.text,
    },
  ];
}

export const detourValidations = [
  {
    expression: "size(variables.asking) == 0",
    message: "a probe or hook of a mesh pod must not name a host: the kubelet would ask it past the capture",
    messageExpression: cel`
      "container " + variables.asking.join(", ")
        + ": a probe or hook must not name a host: the kubelet would ask it from the node's network, past the capture; "
        + "without one it asks the pod"`.text,
    reason: "Forbidden",
  },
  {
    expression: "size(variables.oddOptions) == 0",
    message: "dnsConfig.options of a mesh pod: only letters, digits and _ . : - in names and values",
    messageExpression: cel`
      "dnsConfig.options: " + variables.oddOptions.map(t, strings.quote(t)).join(", ")
        + ": only letters, digits and _ . : - in names and values; anything else could write name servers of its own "
        + "into resolv.conf, and open UDP to them"`.text,
    reason: "Forbidden",
  },
];
