import { injectionWishes, mirrorAnnotation } from "#lib/mesh/injection-rule.ts";
import { cloudRange } from "#lib/mesh/name-servers.ts";
import { annotations } from "#lib/mesh/names.ts";
import { Cel, cel } from "../cel.ts";
import type { Variable } from "../injection/variables.ts";

/** No packet to them leaves the node, or none leaves the pod: those of IPv6 are closed. */
const harmless = cel`
  ip(s).family() == 6 || ip(s).isLoopback()
    || (ip(s).isLinkLocalUnicast() && !cidr(${cloudRange}).containsIP(ip(s)))`.text;

/** What a refusal calls them. */
const field = "dnsConfig.nameservers";

/**
 * Name servers of a pod's own, to which its capture lets UDP through; none of a pod that has no capture.
 *
 * Needs variables `before` and `after`, the annotations of the pod or of those that will be made.
 */
export const serverVariables: readonly Variable[] = [
  { name: "specBefore", expression: cel`oldObject == null ? {} : ${podSpec("oldObject")}`.text },
  { name: "specAfter", expression: podSpec("object").text },
  { name: "serversBefore", expression: servers("specBefore", "before").text },
  { name: "serversAfter", expression: servers("specAfter", "after").text },
];

/** CEL: what to name of them in a refusal; empty where nothing is opened that was not open. */
export const openedServers = cel`
  (variables.serversAfter == variables.serversBefore || size(variables.serversAfter) == 0
    ? [] : [${`${field} `} + variables.serversAfter.join(" ")])`;

/** CEL: whether there is anything to judge. */
export const namesServers = cel`size(${podSpec("object")}.?dnsConfig.?nameservers.orValue([])) > 0`;

/** Of the pod itself, or of those that will be made. */
function podSpec(object: "object" | "oldObject"): Cel {
  return new Cel(`dyn(request.resource.resource == "pods" ? ${object}.?spec
      : request.resource.resource == "cronjobs" ? ${object}.spec.jobTemplate.spec.template.?spec
      : ${object}.spec.?template.?spec).orValue({})`);
}

function servers(spec: string, given: string): Cel {
  const it = new Cel(`variables.${spec}`);
  const noted = new Cel(`variables.${given}`);
  const wish = cel`
    (${noted}[?${annotations.injection}].orValue("") != "" ? ${noted}[${annotations.injection}]
      : namespaceObject.metadata.?annotations[?${annotations.injection}].orValue("")).lowerAscii()`;
  return cel`
    ${it}.?hostNetwork.orValue(false) || ${mirrorAnnotation} in ${noted}
      || ${it}.?os.?name.orValue("") == "windows"
      || ${it}.?nodeSelector[?"kubernetes.io/os"].orValue("") == "windows"
      || ${wish} in ${["", ...injectionWishes.disabled]}
      ? [] : ${it}.?dnsConfig.?nameservers.orValue([]).filter(s, !isIP(s) || !(${new Cel(harmless)}))`;
}
