import { injectedVolumeNames } from "#lib/envoy/injected-containers.ts";
import { injectionWishes } from "#lib/mesh/injection-rule.ts";
import { annotations, sidecar } from "#lib/mesh/names.ts";
import { maxPlainAccountLength, plainConfigPrefix } from "#lib/mesh/sidecar-config-name.ts";
import { Cel, cel, type Tree } from "../cel.ts";
import { captureVariables } from "./capture-annotations.ts";
import { injectedContainers, injectedVolumes, policyValues } from "./containers.ts";
import { type PodResources, sidecarResources } from "./resources.ts";

export interface Variable {
  readonly name: string;
  readonly expression: string;
}

const { enabled, disabled } = injectionWishes;

/**
 * The pod's own annotation, else its namespace's, else empty; in lower case.
 *
 * `namespaceObject` is empty in a mutating policy's matchConditions, so the decision is a variable.
 */
const wish: Variable = {
  name: "wish",
  expression: cel`
    (has(object.metadata.annotations) && object.metadata.annotations[?${annotations.injection}].orValue("") != ""
      ? object.metadata.annotations[${annotations.injection}]
      : namespaceObject.metadata.?annotations[?${annotations.injection}].orValue("")).lowerAscii()`.text,
};

/** No Linux node takes such a pod, whatever else it says. */
const windows: Variable = {
  name: "windows",
  expression: cel`
    object.spec.?os.?name.orValue("linux") == "windows"
      || object.spec.?nodeSelector[?"kubernetes.io/os"].orValue("linux") == "windows"`.text,
};

/** Never these: their network is the node's, or there is no iptables. */
const impossible: Variable = {
  name: "impossible",
  expression: cel`
    object.spec.?hostNetwork.orValue(false)
      || object.metadata.?annotations[?"kubernetes.io/config.mirror"].hasValue()
      || variables.windows`.text,
};

/** A spelling that nobody knows injects: a typing error must not open a pod. The policy beside this one refuses it. */
export const wantedVariable: Variable = {
  name: "wanted",
  expression: cel`variables.wish != "" && !(variables.wish in ${disabled})`.text,
};

const inject: Variable = {
  name: "inject",
  expression: "variables.wanted && !variables.impossible",
};

const unknownWish: Variable = {
  name: "unknownWish",
  expression: cel`!variables.impossible && variables.wish != "" && !(variables.wish in ${[...enabled, ...disabled]})`
    .text,
};

/** For validation: whether the annotation's value means nothing. */
export const wishVariables: readonly Variable[] = [wish, windows, impossible, unknownWish];

const initContainers: Variable = {
  name: "initContainers",
  expression: cel`object.spec.?initContainers.orValue([])`.text,
};

/**
 * Whether the pod comes with all that we add, once each: a copy of a live pod, or the policy's second round, after
 * another plug-in changed the pod. Then ours are rendered anew and put first again, whatever is in them. Anything less is
 * the user's and only has one of our names; the API server refuses the pod for the duplicate.
 */
const brought: Variable = {
  name: "brought",
  expression: cel`
    variables.initContainers.exists_one(c, c.name == ${sidecar.captureContainer})
      && variables.initContainers.exists_one(c, c.name == ${sidecar.container})
      && ${[...injectedVolumeNames]}.all(name, object.spec.?volumes.orValue([]).exists_one(v, v.name == name))`.text,
};

const ownInitContainers: Variable = {
  name: "ownInitContainers",
  expression: cel`
    variables.initContainers.filter(c,
      !(variables.brought && c.name in ${[sidecar.captureContainer, sidecar.container]}))`.text,
};

const ownVolumes: Variable = {
  name: "ownVolumes",
  expression: cel`
    object.spec.?volumes.orValue([]).filter(v, !(variables.brought && v.name in ${[...injectedVolumeNames]}))`.text,
};

const account: Variable = {
  name: "account",
  expression: cel`
    object.spec.?serviceAccountName.orValue("") == "" ? "default" : object.spec.serviceAccountName`.text,
};

/** CEL has no digest: the reconciler writes the names of long accounts into the parameter. */
const configName: Variable = {
  name: "configName",
  expression: cel`
    size(variables.account) <= ${maxPlainAccountLength}
      ? ${plainConfigPrefix} + variables.account
      : params.spec.configNames[variables.account]`.text,
};

const allCpuLimited: Variable = {
  name: "allCpuLimited",
  expression: cel`
    (object.spec.containers + variables.ownInitContainers).all(c, c.?resources.?limits[?"cpu"].hasValue())`.text,
};

/** As quantities: 1Gi and 1073741824 are one amount. */
const guaranteed: Variable = {
  name: "guaranteed",
  expression: cel`
    variables.allCpuLimited && (object.spec.containers + variables.ownInitContainers).all(c,
      c.?resources.?limits[?"memory"].hasValue() && ["cpu", "memory"].all(r,
        c.?resources.?requests[?r].hasValue()
          && quantity(c.resources.requests[r]).compareTo(quantity(c.resources.limits[r])) == 0))`.text,
};

const resources: Variable = {
  name: "resources",
  expression: cel`
    has(object.spec.resources) ? ${sized("budget")}
      : variables.guaranteed ? ${sized("guaranteed")}
      : variables.allCpuLimited ? ${sized("cpu-limited")}
      : ${sized("other")}`.text,
};

function sized(pod: PodResources): Tree {
  return sidecarResources(pod, (field) => new Cel(`params.spec.sidecarResources.${field}`));
}

/** The whole list of init containers, ours first. */
const wantedInitContainers: Variable = {
  name: "wantedInitContainers",
  expression: cel`${[...injectedContainers(policyValues)]} + variables.ownInitContainers`.text,
};

const wantedVolumes: Variable = {
  name: "wantedVolumes",
  expression: cel`${[...injectedVolumes(policyValues)]} + variables.ownVolumes`.text,
};

/** In the order in which they refer to each other. */
export const injectionVariables: readonly Variable[] = [
  wish,
  windows,
  impossible,
  wantedVariable,
  inject,
  initContainers,
  brought,
  ownInitContainers,
  ownVolumes,
  account,
  configName,
  allCpuLimited,
  guaranteed,
  resources,
  ...captureVariables,
  wantedInitContainers,
  wantedVolumes,
];
