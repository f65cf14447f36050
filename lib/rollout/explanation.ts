import { type OutsideCode, type OutsideReason, outsideText, remedyOf } from "../mesh/guarantee.ts";
import { type InjectionNamespace, type InjectionPod, isInMesh, missingSidecar } from "../mesh/injection-rule.ts";
import { mode } from "../mesh/mode.ts";
import { labels, type MeshPlace } from "../mesh/names.ts";
import { type InjectedParts, podKey } from "./observation.ts";
import { type InstalledMesh, injectedReasons } from "./outside-guarantee.ts";
import { describeState, type PodState } from "./pod-checks.ts";

/** Everything about one pod that somebody may ask about, and why it is so. As `osm egress status --explain -o json` prints it. */
export interface Explanation {
  /** `namespace/name`. */
  readonly pod: string;
  /** Absent: it cannot be told. */
  readonly inMesh?: boolean;
  readonly meshMessage: string;
  readonly injected: boolean;
  readonly injectionMessage: string;
  readonly sidecar?: ExplainedSidecar;
  readonly capture?: Capture;
  readonly guarantee: {
    /** "Off means nothing gets out" is true for it. */
    readonly holds: boolean;
    readonly message: string;
    readonly reasons: readonly ExplainedReason[];
  };
}

export interface ExplainedSidecar {
  readonly image: string;
  /** What new pods get, where that is another one. */
  readonly installedImage?: string;
  /** The version that its ConfigMap has. */
  readonly wanted?: string;
  readonly runs?: string;
  /** Absent: it cannot be told. */
  readonly verified?: boolean;
  readonly message: string;
}

export interface Capture {
  /** As the pod was created with, the mesh's own among them. */
  readonly excludedRanges: readonly string[];
  readonly excludedPorts: readonly string[];
  readonly allowsUdp: boolean;
}

export interface ExplainedReason extends OutsideReason {
  readonly code: OutsideCode;
  readonly message: string;
  readonly remedy: string;
}

export interface ExplanationFacts {
  readonly pod: ExplainedPod;
  /** Undefined: it may not be read. */
  readonly namespace: InjectionNamespace | undefined;
  readonly place: MeshPlace;
  /** What new pods get; nothing of it where nobody knows it here. */
  readonly installed: InstalledMesh;
  /** Of a pod with a sidecar. */
  readonly check?: SidecarCheck;
}

export interface ExplainedPod {
  readonly namespace: string;
  readonly name: string;
  readonly hasFinished: boolean;
  readonly injection: InjectionPod;
  /** Absent where it has none. */
  readonly sidecar?: {
    readonly image: string;
    readonly capture: Capture;
    readonly outside: readonly OutsideReason[];
    readonly injected: InjectedParts | undefined;
  };
}

/** What came of asking its sidecar. */
export type SidecarCheck =
  | { readonly kind: "not-running" }
  | { readonly kind: "not-allowed" }
  | {
      readonly kind: "asked";
      readonly state: PodState;
      /** The version that its ConfigMap has; undefined: it may not be read, or there is none. */
      readonly wanted: string | undefined;
      /** Undefined: it has not answered. */
      readonly runs: string | undefined;
      readonly egress: boolean | undefined;
    };

/** Pure and total. */
export function explanation(facts: ExplanationFacts): Explanation {
  const { pod, check } = facts;
  const { sidecar } = pod;
  return {
    pod: podKey(pod),
    ...membership(facts),
    ...injection(facts),
    ...(sidecar ? { sidecar: explainedSidecar(facts, sidecar.image, check ?? { kind: "not-running" }) } : {}),
    ...(sidecar ? { capture: sidecar.capture } : {}),
    guarantee: guarantee(facts),
  };
}

function membership(facts: ExplanationFacts): Pick<Explanation, "inMesh" | "meshMessage"> {
  const { pod, namespace, place } = facts;
  if (pod.hasFinished)
    return { inMesh: false, meshMessage: "it has finished: nothing of it runs, and nobody counts it" };
  if (namespace && isInMesh(namespace, place)) {
    return { inMesh: true, meshMessage: `namespace ${namespace.name} belongs to mesh ${place.meshName}` };
  }
  if (pod.sidecar) {
    return { inMesh: true, meshMessage: "it has a sidecar, and is the mesh's for as long as it runs" };
  }
  if (!namespace) return { meshMessage: `namespace ${pod.namespace} may not be read: that takes the verb get` };
  const label = namespace.labels?.[labels.monitoredBy];
  if (label === place.meshName) {
    return { inMesh: false, meshMessage: `namespace ${namespace.name} is the system's own: never in a mesh` };
  }
  return {
    inMesh: false,
    meshMessage:
      label === undefined
        ? `namespace ${namespace.name} has no label ${labels.monitoredBy}: osm namespace add ${namespace.name}`
        : `namespace ${namespace.name} belongs to mesh ${label}, and this one is ${place.meshName}`,
  };
}

function injection({ pod, namespace, place }: ExplanationFacts): Pick<Explanation, "injected" | "injectionMessage"> {
  if (pod.sidecar) return { injected: true, injectionMessage: "it has its sidecar" };
  const code = namespace && missingSidecar(namespace, pod.injection, place);
  if (code === undefined) return { injected: false, injectionMessage: "it has no sidecar" };
  return { injected: false, injectionMessage: outsideText({ code }) };
}

function explainedSidecar(
  { installed: { image: installedImage }, pod }: ExplanationFacts,
  image: string,
  check: SidecarCheck,
): ExplainedSidecar {
  const images = { image, ...(installedImage === undefined || installedImage === image ? {} : { installedImage }) };
  switch (check.kind) {
    case "not-running":
      return { ...images, message: "its sidecar does not run" };
    case "not-allowed":
      return {
        ...images,
        message: `you may not ask it: that takes the verb get on pods/proxy in namespace ${pod.namespace}`,
      };
    case "asked": {
      const { state, wanted, runs, egress } = check;
      const versions = { ...(wanted === undefined ? {} : { wanted }), ...(runs === undefined ? {} : { runs }) };
      const isOn = egress === undefined ? "" : `, in which egress is ${mode(egress)}`;
      if (runs === undefined) return { ...images, ...versions, message: describeState(state) };
      if (wanted === undefined) {
        return { ...images, ...versions, message: `runs ${runs}${isOn}; what it must run cannot be read` };
      }
      const verified = state.kind === "verified";
      const message = verified ? `verified: runs its ConfigMap's version${isOn}` : `${describeState(state)}${isOn}`;
      return { ...images, ...versions, verified, message };
    }
  }
}

function guarantee(facts: ExplanationFacts): Explanation["guarantee"] {
  const { pod, namespace, place, installed } = facts;
  if (pod.hasFinished) return { holds: false, message: "there is nothing to guarantee", reasons: [] };
  const missing = namespace && missingSidecar(namespace, pod.injection, place);
  const bare: readonly OutsideReason[] | undefined = missing && [{ code: missing }];
  const found = pod.sidecar ? injectedReasons(pod.sidecar, installed) : bare;
  if (found === undefined) return { holds: false, message: "it is for pods of the mesh", reasons: [] };
  const reasons = found.map((reason) => ({ ...reason, message: outsideText(reason), remedy: remedyOf(reason.code) }));
  return reasons.length === 0
    ? { holds: true, message: "off means that nothing gets out of it", reasons }
    : { holds: false, message: "off does not mean that nothing gets out of it", reasons };
}
