import { type MissingSidecarCode, type OutsideCode, type OutsideReason, outsideText } from "./guarantee.ts";
import { type InjectionNamespace, type InjectionPod, missingSidecar } from "./injection-rule.ts";
import { annotations, type MeshPlace } from "./names.ts";
import { type JudgedPod, outsideReasons } from "./pod-guarantee.ts";

/** Something that makes pods. */
export interface JoiningWorkload {
  readonly kind: string;
  readonly name: string;
  readonly injection: InjectionPod;
  /** Its pods, as they will be before anything of the mesh's is in them. */
  readonly pod: JudgedPod;
}

/** What becomes of its pods when its namespace is in the mesh. */
export interface Forecast {
  readonly workload: string;
  readonly codes: readonly OutsideCode[];
  /** What is so, and what comes of it; undefined where it is the rights of its containers alone. */
  readonly text?: string;
  /** Nobody allows controllers to make such pods, so far. */
  readonly isRefused: boolean;
}

/** For these it takes the verb, or the namespace's permission to controllers. */
const exempting: readonly OutsideCode[] = [
  "InjectionDisabled",
  "AllowsUdp",
  "ExcludesRanges",
  "ExcludesPorts",
  "OwnNameServers",
];
/** No policy but `osm-strict` refuses them, and no sidecar can be put in. */
const uncaptured: readonly OutsideCode[] = ["HostNetwork", "StaticPod", "Windows"];

/**
 * Workloads whose pods will be outside the guarantee, or refused, once their namespace is in the mesh. Nobody asked their
 * authors for the verb `exempt` when they wrote the templates.
 *
 * @param namespace  as it will be: a member that injects
 */
export function forecasts(
  workloads: readonly JoiningWorkload[],
  namespace: InjectionNamespace,
  place: MeshPlace,
): readonly Forecast[] {
  const isGranted = namespace.annotations?.[annotations.allowExemptPods] === "true";
  return workloads.flatMap(({ kind, name, injection, pod }): readonly Forecast[] => {
    const reasons = reasonsOf(missingSidecar(namespace, injection, place), pod);
    if (reasons.length === 0) return [];
    const codes = reasons.map(({ code }) => code);
    const worst = reasons.filter(({ code }) => exempting.includes(code) || uncaptured.includes(code));
    const workload = `${namespace.name}/${kind} ${name}`;
    if (worst.length === 0) return [{ workload, codes, isRefused: false }];
    const isRefused = !isGranted && worst.some(({ code }) => exempting.includes(code));
    const end = isRefused
      ? "its next pods are refused"
      : worst.some(({ code }) => uncaptured.includes(code) || code === "InjectionDisabled")
        ? "its pods are not captured"
        : `its pods are outside the guarantee${isGranted ? ", as the namespace allows" : ""}`;
    return [{ workload, codes, text: `${worst.map(outsideText).join("; ")}: ${end}`, isRefused }];
  });
}

function reasonsOf(missing: MissingSidecarCode | undefined, pod: JudgedPod): readonly OutsideReason[] {
  // What it would get a sidecar for now is not there yet.
  return missing === undefined || missing === "NoSidecar" ? outsideReasons(pod) : [{ code: missing }];
}
