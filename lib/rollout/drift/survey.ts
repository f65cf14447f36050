import type { InjectionNamespace, InjectionPod } from "../../mesh/injection-rule.ts";
import type { MeshPlace } from "../../mesh/names.ts";
import type { GuardObject } from "./guard-object.ts";
import type { InstalledImage } from "./installed-image.ts";

/** What a drift pass looks at and never puts right by itself. */
export interface Survey {
  readonly place: MeshPlace;
  /** When it was made, by the API server's clock, as all times in it: ms since the epoch. */
  readonly atMs: number;
  readonly image: InstalledImage;
  /** The API server can put sidecars into pods by itself. False: they are in the manifests, or nowhere. */
  readonly injects: boolean;
  /** With the mesh's label, and not being deleted. */
  readonly namespaces: readonly InjectionNamespace[];
  /** Of the whole cluster, neither finished nor being deleted. */
  readonly pods: readonly SurveyedPod[];
  readonly guards: readonly SurveyedGuard[];
  /** Undefined where none is installed. */
  readonly forwarder: SurveyedForwarder | undefined;
  /** For how long the forwarder has given no sign of health, in ms; undefined where none is installed. */
  readonly forwarderSilentMs: number | undefined;
  /** What could not be looked at. It is missing above, and nothing is to be concluded from that. */
  readonly unread: readonly Unread[];
}

export interface SurveyedPod {
  readonly namespace: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** The image of its sidecar; undefined where it has none. */
  readonly sidecarImage: string | undefined;
  /** What the rule of injection asks of it; only of a pod without a sidecar. */
  readonly injection?: InjectionPod;
}

/** Something that holds the mesh together and that only an installation writes: a definition, a policy, a right. */
export interface SurveyedGuard {
  /** As `osm install` would apply it. */
  readonly wanted: GuardObject;
  /** Undefined where there is none. */
  readonly found: GuardObject | undefined;
  /** It must be there. Others are only to be right where they are there. */
  readonly isRequired: boolean;
  /** Without these `osm install` would leave it alone. */
  readonly flags?: readonly string[];
}

export interface SurveyedForwarder {
  readonly deployedAtMs: number;
  /** As its Lease has it; undefined while it has never been healthy, or the Lease is gone. */
  readonly renewedAtMs: number | undefined;
}

/** What the two lists are called where they are unread. */
export const surveyedLists = { namespaces: "mesh namespaces", pods: "pods" } as const;

export interface Unread {
  /** As a Finding names it. */
  readonly object: string;
  /** The API server's own words, or why there were none. */
  readonly why: string;
  /** The reconciler has no right to read it, which an installation gives. */
  readonly isForbidden: boolean;
}

/** A clock may be off by this much; a time further ahead is nobody's sign of life. */
const clockToleranceMs = 10_000;

/** When it was last well; a Deployment that has just been made has its time too. */
export function lastSignMs({ deployedAtMs, renewedAtMs = 0 }: SurveyedForwarder, atMs: number): number {
  return renewedAtMs > atMs + clockToleranceMs ? deployedAtMs : Math.max(deployedAtMs, renewedAtMs);
}

/** @returns undefined where no forwarder is installed */
export function silentMs(forwarder: SurveyedForwarder | undefined, atMs: number): number | undefined {
  return forwarder && Math.max(atMs - lastSignMs(forwarder, atMs), 0);
}
