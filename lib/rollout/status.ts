import type { OutsideCode } from "../mesh/guarantee.ts";
import type { DriftStatus } from "./drift/drift-status.ts";

/** `EgressRollout.status`: what people and machines read. Times are RFC 3339 with milliseconds. */
export interface RolloutStatus {
  readonly observed?: ObservedValue;
  readonly target?: Target;
  /** The last target that every reachable sidecar was verified on. */
  readonly lastGood?: LastGood;
  readonly phase?: "Idle" | "Rolling" | "Halted";
  readonly wave?: number;
  readonly sidecars?: SidecarCounts;
  /** Pods that do not run the target, at most 20. */
  readonly lagging?: readonly Lagging[];
  /** Pods for which "off means nothing gets out" does not hold, at most 20: those without a sidecar first, then by name. */
  readonly outsideGuarantee?: readonly OutsidePod[];
  /** Pods of mesh namespaces that have no sidecar, when a drift pass last looked: a part of those outside the guarantee. */
  readonly podsWithoutSidecar?: number;
  readonly startedAt?: string;
  readonly convergedAt?: string;
  readonly cutAt?: string;
  readonly conditions?: readonly Condition[];
  readonly drift?: DriftStatus;
  /** The last number that was given out with a Lease in the place of one that had gone: numbers are above it. */
  readonly fencing?: number;
  /** Newest first, at most 20. */
  readonly history?: readonly HistoryEntry[];
}

export interface ObservedValue {
  readonly resourceVersion?: string;
  /** As it stands in osm-config, cut at 64 characters. */
  readonly raw?: string;
  readonly egress?: boolean;
}

export interface Target {
  /** Over the digests of every account's configuration. */
  readonly digest: string;
  readonly egress: boolean;
}

export interface LastGood extends Target {
  /** When it was found to run everywhere; it stays when the mesh is disturbed later. */
  readonly verifiedAt?: string;
}

export interface SidecarCounts {
  readonly total: number;
  readonly verified: number;
  readonly rejected: number;
  readonly unreachable: number;
  /** Of these sidecars' pods, and of the pods of mesh namespaces that have none; absent: nobody has counted yet. */
  readonly outsideGuarantee?: number;
}

export interface OutsidePod {
  /** `namespace/name`. */
  readonly pod: string;
  /** At most 16. */
  readonly reasons: readonly { readonly code: OutsideCode; readonly message: string }[];
}

export interface Lagging {
  /** `namespace/name`. */
  readonly pod: string;
  readonly reason: string;
}

export type ConditionType = "Accepted" | "Converged" | "EgressCut" | "Drifted";

export interface Condition {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

export interface HistoryEntry {
  readonly from?: boolean;
  readonly to: boolean;
  /** Field manager that wrote the value. */
  readonly by?: string;
  /** When it did: RFC 3339, in whole seconds. */
  readonly changedAt?: string;
  /** From the audit log: who wrote to osm-config then. More than one: nobody can tell which of them it was. */
  readonly users?: readonly string[];
  /** What woke the pass that took the change up, e.g. `osm.forwarder`. */
  readonly source: string;
  readonly revision?: string;
  readonly startedAt: string;
  /** Until every sidecar was verified. */
  readonly tookMs?: number;
  /** Until the last passthrough connection was closed; only toward off. */
  readonly cutTookMs?: number;
  /** Known to have the switch there when it converged. */
  readonly sidecars?: number;
  readonly outcome: "Rolling" | "Converged" | "Superseded";
}

export const maxHistory = 20;
export const maxLagging = 20;
export const maxOutside = 20;
export const maxOutsideMessage = 1_024;
export const maxUsers = 3;
export const maxRawLength = 64;

export function conditionOf(status: RolloutStatus, type: ConditionType): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** What keeps the mesh from being where osm-config wants it; undefined when nothing does. */
export function unmetCondition(status: RolloutStatus): Condition | undefined {
  const wanted: readonly ConditionType[] = [
    "Accepted",
    "Converged",
    ...(status.target?.egress ? [] : ["EgressCut" as const]),
  ];
  return wanted.map((type) => conditionOf(status, type)).find((condition) => condition && condition.status !== "True");
}

/** The conditions with one of them set; its time changes only when its status does. */
export function withCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, "lastTransitionTime">,
  now: string,
): readonly Condition[] {
  const before = conditions.find((condition) => condition.type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : now;
  const rest = conditions.filter((condition) => condition.type !== next.type);
  return [...rest, { ...next, lastTransitionTime }].sort((left, right) => (left.type < right.type ? -1 : 1));
}
