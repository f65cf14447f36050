import { egressOfDigest } from "../envoy/sidecar-config.ts";
import { cutText } from "../mesh/cut-text.ts";
import type { Answer, ObservedPod, Poke } from "./observation.ts";
import type { Wanted } from "./wanted.ts";

/** How long a pod is waited for after its own poke, if whoever runs the pass does not say. */
export const defaultPodDeadlineMs = 30_000;
/** When it is poked again. */
export const repokeAfterMs: readonly number[] = [1_000, 2_000, 4_000];

export type PodState =
  | { readonly kind: "verified"; readonly openEgress: number; readonly draining: number }
  /** Answers, with another version; `egress` is which way the switch is in that, if it is one of ours. */
  | {
      readonly kind: "differs";
      readonly runs: string;
      readonly egress: boolean | undefined;
      /** Since it started, which may have been an earlier configuration; it counts against this one when its time is over. */
      readonly hasRefused: boolean;
    }
  /** The same, and it has refused an update while it was watched. */
  | { readonly kind: "rejected"; readonly egress: boolean | undefined }
  /** Answers, but its ConfigMap is another's work and stays so for now: what it calls its version counts for nothing. */
  | { readonly kind: "altered"; readonly egress: undefined }
  | { readonly kind: "silent"; readonly why: string; readonly terminating: boolean };

/**
 * What a pod's answer means. Verified takes the version of listeners and clusters, and of routes where something
 * subscribes to them: the version is the digest of the bytes, so it is these bytes that run.
 *
 * @param refusedBefore  its count of refused updates when it first answered
 */
export function podState(pod: ObservedPod, answer: Answer, wantedDigest: string, refusedBefore: number): PodState {
  if (answer.kind === "silent") return { kind: "silent", why: answer.why, terminating: pod.terminating };
  const { listeners, clusters, routes, refusedUpdates, draining, openEgress } = answer.says;
  if (listeners === wantedDigest && clusters === wantedDigest && (routes ?? wantedDigest) === wantedDigest) {
    return { kind: "verified", openEgress, draining };
  }
  const egress = egressOfDigest(listeners);
  return refusedUpdates > refusedBefore
    ? { kind: "rejected", egress }
    : { kind: "differs", runs: listeners === "" ? "nothing" : listeners, egress, hasRefused: refusedUpdates > 0 };
}

/** The digest that a pod must run; undefined for one whose account is not configured yet. */
export function wantedDigestOf(pod: ObservedPod, wanted: Wanted): string | undefined {
  return wanted.configs.get(`${pod.namespace}/${pod.account}`)?.config.digest;
}

/** Pods whose sidecar runs: these are counted, poked and asked; the others read the current files when they start. */
export function runningSidecars(pods: readonly ObservedPod[]): readonly ObservedPod[] {
  return pods.filter((pod) => pod.sidecarStartedAtMs !== undefined);
}

/** Whoever answers in a sidecar's place can call its version anything. */
const maxQuotedVersion = 64;

/** In words for the pod's owner. */
export function describeState(state: PodState): string {
  switch (state.kind) {
    case "verified":
      return "Verified";
    case "differs":
      return `OtherVersion: runs ${cutText(state.runs, maxQuotedVersion)}`;
    case "rejected":
      return "Rejected: Envoy refused the configuration";
    case "altered":
      return "Altered: nobody can tell what its ConfigMap has given it";
    case "silent":
      return state.terminating ? "Terminating" : `NoAnswer: ${state.why}`;
  }
}

/** A container's start comes in whole seconds, cut off: it may have been so much later. */
export const startResolutionMs = 999;

/** By how much the clocks of those who write notes may differ; each goes by the API server's. */
const clockToleranceMs = 10_000;

/** The pod's note for this digest. Whoever may edit the pod may write one; none of ours is from a time to come. */
export function noteFor({ poke }: ObservedPod, digest: string | undefined, nowMs: number): Poke | undefined {
  return poke !== undefined && poke.digest === digest && poke.atMs <= nowMs + clockToleranceMs ? poke : undefined;
}

/**
 * Poked for this digest by whoever verified it or told the status that it is to be verified, and not while another
 * container ran: that one's answer would say nothing about this one.
 */
export function isPokedFor(pod: ObservedPod, digest: string | undefined, nowMs: number): boolean {
  const note = noteFor(pod, digest, nowMs);
  if (note === undefined || note.unverified) return false;
  return (pod.sidecarStartedAtMs ?? 0) + startResolutionMs <= note.atMs;
}

/** Pods that must be asked: those not poked for what they must run, or all while that is not known to be verified. */
export function podsToAsk(
  pods: readonly ObservedPod[],
  wanted: Wanted,
  everybody: boolean,
  suspects: Pick<ReadonlySet<string>, "has">,
  nowMs: number,
): readonly ObservedPod[] {
  return runningSidecars(pods).filter(
    (pod) =>
      everybody ||
      !isPokedFor(pod, wantedDigestOf(pod, wanted), nowMs) ||
      suspects.has(`${pod.namespace}/${pod.configMap}`),
  );
}
