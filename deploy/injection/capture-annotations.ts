import { booleanSpellings, parseBoolean } from "#lib/mesh/boolean.ts";
import { annotations } from "#lib/mesh/names.ts";
import { podCaptureWanted, podListLimits } from "#lib/mesh/pod-capture.ts";
import { Cel, cel } from "../cel.ts";
import type { Variable } from "./variables.ts";

const { maxItems, maxLength } = podListLimits;
/** Longest part of a bad value that is repeated to its author. */
const maxQuotedLength = 64;

const trueSpellings = booleanSpellings.filter(parseBoolean);

/** No more than a shell may see; what is a range or a port is decided beside injection, which only renders. */
const rendered = { ranges: "^[0-9./]+$", ports: "^[0-9]+$" };
/** Of an item `r` or `p`. */
const isRange = cel`r.matches(${rendered.ranges}) && isCIDR(r)`;
const isPort = cel`p.matches("^[1-9][0-9]{0,4}$") && int(p) <= 65535`;

/**
 * What the pod's annotations add to its capture, for the injection policy. Whatever else is in them never reaches the
 * capture's arguments, also where nobody refuses the pod for it.
 */
export const captureVariables: readonly Variable[] = [
  {
    name: "ownRanges",
    expression: cel`${items(annotations.excludedRanges)}.filter(i, i.matches(${rendered.ranges}))`.text,
  },
  {
    name: "ownPorts",
    expression: cel`${items(annotations.excludedPorts)}.filter(i, i.matches(${rendered.ports}))`.text,
  },
  { name: "allowUdp", expression: cel`${valueOf(annotations.allowUdp)} in ${trueSpellings}`.text },
];

/** For validation: the items as they stand. */
export const captureItemVariables: readonly Variable[] = [
  { name: "rangeItems", expression: items(annotations.excludedRanges).text },
  { name: "portItems", expression: items(annotations.excludedPorts).text },
  {
    // Masked, the address of a range is its first; without a common address neither has the other's.
    name: "reaching",
    expression: cel`
      variables.rangeItems.filter(r, ${isRange}
        && !(r in params.spec.systemServices) && !(r in params.spec.excludedRanges)
        && params.spec.serviceRanges.exists(s,
          cidr(s).containsIP(cidr(r).masked().ip()) || cidr(r).containsIP(cidr(s).masked().ip())))`.text,
  },
];

/**
 * What is wrong with the annotations of a pod for which the condition holds.
 *
 * @param judged  CEL
 */
export function captureValidations(judged: string) {
  return [
    bad(judged, annotations.excludedRanges, everyOne("rangeItems", cel`r, ${isRange}`)),
    bad(judged, annotations.excludedPorts, everyOne("portItems", cel`p, ${isPort}`)),
    bad(judged, annotations.allowUdp, cel`${valueOf(annotations.allowUdp)} in ${["", ...booleanSpellings]}`),
    {
      expression: `!(${judged}) || size(variables.reaching) == 0`,
      message: `annotation ${annotations.excludedRanges}: must keep out of the cluster's Service range`,
      messageExpression: cel`
        ${`annotation ${annotations.excludedRanges}: `} + variables.reaching.join(", ")
          + " is in the cluster's Service range " + params.spec.serviceRanges.join(", ")
          + ${": in-mesh traffic would get past the sidecar. Of Services only the system's may be excluded, by address: "}
          + params.spec.systemServices.join(", ")`.text,
      reason: "Invalid",
    },
  ];
}

/** A list that is too long is none; evaluating it could cost more than the API server allows. */
function bad(judged: string, annotation: keyof typeof podCaptureWanted, good: Cel) {
  const value = valueOf(annotation);
  const wanted = `annotation ${annotation}: must be ${podCaptureWanted[annotation]}`;
  return {
    expression: cel`!(${new Cel(judged)}) || (size(${value}) <= ${maxLength} && ${good})`.text,
    message: wanted,
    messageExpression: cel`
      ${`${wanted}, got `}
        + strings.quote(size(${value}) > ${maxQuotedLength} ? ${value}.substring(0, ${maxQuotedLength}) + "…" : ${value})`
      .text,
    reason: "Invalid",
  };
}

function everyOne(variable: string, condition: Cel): Cel {
  return cel`size(variables.${new Cel(variable)}) <= ${maxItems} && variables.${new Cel(variable)}.all(${condition})`;
}

function items(annotation: string): Cel {
  const value = valueOf(annotation);
  return cel`(size(${value}) > ${maxLength} || ${value}.trim() == "" ? [] : ${value}.split(",").map(i, i.trim()))`;
}

function valueOf(annotation: string): Cel {
  return cel`object.metadata.?annotations[?${annotation}].orValue("")`;
}
