import type { SidecarAnswer } from "../envoy/verification-query.ts";
import type { GitopsOwner } from "../mesh/gitops-owner.ts";
import type { OutsideReason } from "../mesh/guarantee.ts";
import type { MeshService } from "../mesh/in-mesh.ts";
import type { MeshInjectionSpec } from "../mesh/injection.ts";
import type { SidecarFile } from "../mesh/names.ts";
import type { RunningSettings } from "../mesh/running-settings.ts";
import type { OutsideService } from "../mesh/service-range.ts";
import type { RolloutStatus } from "./status.ts";

/** What one look at the API server shows of the mesh, without its pods. */
export interface MeshObservation {
  readonly osmConfig: ObservedOsmConfig | undefined;
  /** Those with the mesh's label, also while they are being deleted. Undefined: those of the accounts. */
  readonly namespaces?: readonly string[];
  /** Service accounts of mesh namespaces that are not being deleted. */
  readonly accounts: readonly Account[];
  readonly services: readonly MeshService[];
  /** Undefined where nobody has looked. */
  readonly serviceRange?: ObservedServiceRange;
  readonly configMaps: readonly SidecarConfigMap[];
  readonly injection: MeshInjectionSpec | undefined;
  readonly rollout: ObservedRollout | undefined;
  readonly lease: ObservedLease | undefined;
}

/** The part of it that is single objects. */
export type Glance = Pick<MeshObservation, "osmConfig" | "injection" | "rollout" | "lease">;

/** Where Services have their addresses, by the cluster's ServiceCIDR objects. */
export interface ObservedServiceRange {
  /** IPv4. */
  readonly cidrs?: readonly string[];
  /** Why these are not known. */
  readonly why?: string;
  /** Services of the whole cluster that are not in-mesh. */
  readonly outside: readonly OutsideService[];
}

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

export interface ObservedOsmConfig {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>> | undefined;
  /** Field manager that wrote `data.egress` last. */
  readonly egressManager: string | undefined;
  /** RFC 3339, in whole seconds: when it did. */
  readonly egressWrittenAt?: string;
  /** GitOps tools' objects that it belongs to, by its labels and annotations. */
  readonly owners?: readonly GitopsOwner[];
}

export interface SidecarConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** By this machine's clock. */
  readonly createdAtMs: number;
  /** From the annotation: the name may have had to be cut. */
  readonly account: string;
  readonly files: Readonly<Partial<Record<SidecarFile, string>>>;
  /** What the mesh was set to when it was written. */
  readonly settings: RunningSettings | undefined;
  /** 0 where the annotation is missing, no number, or too high to be a Lease's. */
  readonly fencing: number;
  readonly immutable?: true;
  /** What its version was made with besides its content, as it says itself. */
  readonly proof?: string;
  /** RFC 3339: when the reconciler applied it last, as far as it owns anything of it. */
  readonly appliedAt?: string;
  /** By field, e.g. `data.lds.json`: who wrote it last, where that is not the reconciler. */
  readonly writers?: Readonly<Record<string, Writer>>;
}

/** As `managedFields` tell it. */
export interface Writer {
  readonly manager: string;
  /** RFC 3339, in whole seconds. */
  readonly at?: string;
}

export interface ObservedRollout {
  readonly resourceVersion: string;
  readonly spec?: RolloutSpec;
  readonly status: RolloutStatus;
}

/** What the mesh's owner wants of a rollout. */
export interface RolloutSpec {
  /** What is found altered is written back, or only reported. Absent: correct. */
  readonly drift?: DriftMode;
}

export type DriftMode = "correct" | "detect";

export interface ObservedLease {
  readonly resourceVersion: string;
  /** Empty once released. */
  readonly holder: string;
  /** The fencing number. */
  readonly transitions: number;
  /** When the holder gave its last sign of life, as it stands in the object. */
  readonly renewTime: string | undefined;
  /** For how long it is good without being renewed. */
  readonly seconds?: number | undefined;
  /** By the API server's clock: the holder has been silent for longer than the Lease lasts. */
  readonly expired: boolean;
}

/** An injected pod that has not finished. */
export interface ObservedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly account: string;
  readonly configMap: string;
  readonly terminating: boolean;
  /** Start of the sidecar container that runs now, ms since the epoch; undefined while none runs. */
  readonly sidecarStartedAtMs: number | undefined;
  readonly poke: Poke | undefined;
  /** Why "off means nothing gets out" does not hold for it; absent where it does. */
  readonly outside?: readonly OutsideReason[];
  /** Absent: nobody has looked. */
  readonly injected?: InjectedParts;
}

/** What a pod's capture and sidecar show of where they come from: injection, or somebody's hand. */
export interface InjectedParts {
  /** Of the two containers. */
  readonly images: readonly string[];
  /** In words: what of them no version of ours has. */
  readonly foreign: readonly string[];
  /** Envoy's arguments are those of this version, whatever the log level. */
  readonly hasOurArguments: boolean;
  /** What the capture was started with: what it lets past. */
  readonly open: Exclusions;
  /** What of that its annotations say; absent where they say nothing. */
  readonly own?: Exclusions;
}

/** What a capture lets past. */
export interface Exclusions {
  /** CIDRs. */
  readonly ranges: readonly string[];
  readonly ports: readonly string[];
  readonly udp: boolean;
}

export interface Poke {
  readonly digest: string;
  /** The first one's time, where it was repeated. */
  readonly atMs: number;
  /** How often it was repeated, for a kubelet that may not have heard of the new files before. */
  readonly again?: number;
  /** The pod ran something else then, in a mesh whose status may say that all is verified: it is still to be asked. */
  readonly unverified?: true;
}

/** What came of asking a sidecar. */
export type Answer =
  | { readonly kind: "answered"; readonly says: SidecarAnswer }
  | { readonly kind: "silent"; readonly why: string };

export function podKey(pod: { readonly namespace: string; readonly name: string }): string {
  return `${pod.namespace}/${pod.name}`;
}

export function accountKey(account: Account): string {
  return `${account.namespace}/${account.name}`;
}
