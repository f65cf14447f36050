import { cutText } from "../mesh/cut-text.ts";
import { missingSidecarCodes, type OutsideCode, type OutsideReason, outsideText, remedyOf } from "../mesh/guarantee.ts";
import { missingSidecar } from "../mesh/injection-rule.ts";
import { type Survey, type SurveyedPod, surveyedLists } from "./drift/survey.ts";
import { type InjectedParts, type ObservedPod, podKey } from "./observation.ts";
import { maxOutside, maxOutsideMessage, type OutsidePod, type RolloutStatus } from "./status.ts";
import type { CheckedPod } from "./tally.ts";

/** Pods of mesh namespaces that have no sidecar. */
export interface WithoutSidecar {
  readonly count: number;
  /** The first of them by name, at most 20. */
  readonly pods: readonly OutsidePod[];
}

/** What the status says of pods outside the guarantee. */
export interface OutsideGuarantee {
  readonly count: number;
  readonly podsWithoutSidecar: number | undefined;
  readonly pods: readonly OutsidePod[];
}

/** @returns undefined where the lists that tell could not be read */
export function withoutSidecar({ pods, namespaces, place, unread }: Survey): WithoutSidecar | undefined {
  const lists: readonly string[] = Object.values(surveyedLists);
  if (unread.some(({ object }) => lists.includes(object))) return undefined;
  const byName = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
  const codes = new Map<SurveyedPod, OutsideCode>();
  for (const pod of pods) {
    const namespace = byName.get(pod.namespace);
    const code = namespace && pod.injection && missingSidecar(namespace, pod.injection, place);
    if (code !== undefined) codes.set(pod, code);
  }
  const first = firstByName(codes.keys());
  return {
    count: codes.size,
    pods: first.map((pod) => outsidePod(pod, [{ code: codes.get(pod) ?? "NoSidecar" }])),
  };
}

/**
 * Injected pods as they are now, and those without a sidecar as somebody last surveyed them: a hint pass does not list
 * them. Equal inputs give equal texts in one order, so that nothing is written where nothing has changed.
 *
 * @param checked   every pod whose sidecar runs
 * @param surveyed  undefined: what the status says still stands, but for pods that have a sidecar now
 * @param mesh      what sidecars are compared with
 */
export function nextOutside(
  before: RolloutStatus,
  checked: readonly Pick<CheckedPod, "pod">[],
  surveyed: WithoutSidecar | undefined,
  mesh: InstalledMesh = {},
): OutsideGuarantee {
  const outside: OutsideInjected[] = [];
  const uninjected = new Map((surveyed?.pods ?? knownWithout(before)).map((entry) => [entry.pod, entry]));
  let count = surveyed?.count ?? before.podsWithoutSidecar;
  for (const { pod } of checked) {
    const reasons = injectedReasons(pod, mesh);
    if (reasons.length > 0) outside.push({ namespace: pod.namespace, name: pod.name, reasons });
    if (uninjected.size > 0 && uninjected.delete(podKey(pod)) && count !== undefined) count = Math.max(count - 1, 0);
  }
  const injected = firstByName(outside).map((pod) => outsidePod(pod, pod.reasons));
  return {
    count: outside.length + (count ?? 0),
    podsWithoutSidecar: count,
    pods: [...uninjected.values(), ...injected].slice(0, maxOutside),
  };
}

/** What injection gives to new pods; nothing is compared with what is not known. */
export interface InstalledMesh {
  readonly image?: string | undefined;
  readonly excludedRanges?: readonly string[] | undefined;
  readonly excludedPorts?: readonly number[] | undefined;
}

interface OutsideInjected extends Named {
  readonly reasons: readonly OutsideReason[];
}

/** Why the guarantee does not hold for a pod with a sidecar: its containers and annotations, then capture and sidecar. */
export function injectedReasons(
  { outside = [], injected }: Pick<ObservedPod, "outside"> & { readonly injected?: InjectedParts | undefined },
  mesh: InstalledMesh,
): readonly OutsideReason[] {
  return [...outside, ...sidecarReasons(injected, mesh)];
}

/**
 * Of a pod's capture and sidecar. Envoy's arguments are judged where it has the installed image: those of another version
 * of ours are that version's own.
 */
export function sidecarReasons(
  injected: InjectedParts | undefined,
  { image, excludedRanges, excludedPorts }: InstalledMesh,
): readonly OutsideReason[] {
  if (injected === undefined) return [];
  const { images, foreign, hasOurArguments, open, own } = injected;
  const isInstalled = images.every((it) => it === image);
  const others =
    image === undefined || isInstalled ? [] : images.filter((it) => repositoryOf(it) !== repositoryOf(image));
  const differing = [
    ...[...new Set(others)].map((it) => `image ${it === "" ? "none" : it}`),
    ...foreign,
    ...(isInstalled && !hasOurArguments ? ["envoy args"] : []),
  ];
  const ports = excludedPorts?.map(String);
  const left = [
    ...open.ranges.filter((it) => excludedRanges && !excludedRanges.includes(it) && !own?.ranges.includes(it)),
    ...open.ports.filter((it) => ports && !ports.includes(it) && !own?.ports.includes(it)).map((it) => `port ${it}`),
    ...(open.udp && !own?.udp ? ["UDP"] : []),
  ];
  return [
    ...(differing.length > 0 ? [{ code: "ForeignSidecar", what: differing } as const] : []),
    ...(left.length > 0 ? [{ code: "OutdatedCapture", what: left } as const] : []),
  ];
}

/** Without tag and digest. */
function repositoryOf(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
}

function knownWithout({ outsideGuarantee = [] }: RolloutStatus): readonly OutsidePod[] {
  const codes: readonly OutsideCode[] = missingSidecarCodes;
  return outsideGuarantee.filter(
    ({ reasons }) => reasons.length === 1 && reasons.some(({ code }) => codes.includes(code)),
  );
}

/** As the status and `osm egress status --outside` name it. */
export function outsidePod(pod: Named, reasons: readonly OutsideReason[]): OutsidePod {
  return {
    pod: podKey(pod),
    reasons: reasons.map((reason) => ({
      code: reason.code,
      message: cutText(`${outsideText(reason)}; ${remedyOf(reason.code)}`, maxOutsideMessage),
    })),
  };
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** Those that are told: of ten thousand only these few are sorted, and that several times a second. */
function firstByName<T extends Named>(pods: Iterable<T>): readonly T[] {
  const first: T[] = [];
  for (const pod of pods) {
    const last = first.at(-1);
    if (first.length === maxOutside && last && !isBefore(pod, last)) continue;
    const at = first.findIndex((other) => isBefore(pod, other));
    first.splice(at === -1 ? first.length : at, 0, pod);
    if (first.length > maxOutside) first.pop();
  }
  return first;
}

/** By namespace, and then by name. */
export function isBefore(left: Named, right: Named): boolean {
  return left.namespace === right.namespace ? left.name < right.name : left.namespace < right.namespace;
}
