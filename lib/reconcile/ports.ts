import type { MeshInjectionSpec } from "../mesh/injection.ts";
import type { MeshPlace } from "../mesh/names.ts";
import type { RunningSettings } from "../mesh/running-settings.ts";
import type { ConfigMapWrite } from "../rollout/config-writes.ts";
import type { Survey } from "../rollout/drift/survey.ts";
import type {
  Answer,
  Glance,
  MeshObservation,
  ObservedLease,
  ObservedPod,
  Poke,
  SidecarConfigMap,
} from "../rollout/observation.ts";
import type { ConfigEvent } from "../rollout/result-events.ts";
import type { RolloutStatus } from "../rollout/status.ts";

/** Everything that a pass does to the world; one real one stands in `lib/kube`, a scripted one in the tests. */
export interface ClusterPorts {
  readonly place: MeshPlace;
  /** What tells whether there is something to write, without a list: lists may wait for the API server's caches. */
  glance(): Promise<Glance>;
  /** @param glance  from a moment ago, and not read again */
  readMesh(glance?: Glance): Promise<MeshObservation>;
  /** Injected pods that have not finished, of the whole cluster. */
  readPods(): Promise<readonly ObservedPod[]>;
  /** What passes never write: guards, pods without the right sidecar, the forwarder. For drift passes; a list and some thirty reads. */
  survey(): Promise<Survey>;

  /**
   * @param atLeast  the new number is above this and above the Lease's own
   * @returns        undefined when somebody else was faster
   */
  takeLease(seen: ObservedLease | undefined, atLeast: number): Promise<HeldLease | undefined>;
  /** Asks the holder to look once more. @returns false when the Lease has changed meanwhile */
  markLease(seen: ObservedLease): Promise<boolean>;
  renewLease(held: HeldLease): Promise<HeldLease | "lost">;
  releaseLease(held: HeldLease): Promise<"released" | "marked" | "lost">;
  /** The fencing number as it stands now; undefined when the Lease is gone. */
  leaseNumber(): Promise<number | undefined>;

  /** @returns "gone" when the namespace is going or gone */
  applyConfigMap(write: ConfigMapWrite, running: RunningSettings, fencing: number): Promise<"done" | "gone">;
  /** Only as it was observed: one that has changed since stays. */
  deleteConfigMap(map: SidecarConfigMap): Promise<void>;
  applyInjection(spec: MeshInjectionSpec): Promise<void>;
  /** Makes the kubelet look at the pod's volumes now, and leaves a note of it. */
  poke(pod: ObservedPod, note: Poke): Promise<"done" | "gone">;
  ask(pod: ObservedPod): Promise<Answer>;
  /** @returns the new resourceVersion, or "conflict" when the status has changed since it was observed */
  writeStatus(status: RolloutStatus, resourceVersion: string | undefined): Promise<string | "conflict">;
  recordEvent(event: ConfigEvent): Promise<void>;

  /** A pass is over: what of it still waits for its turn is not sent, now or when the process is woken for another one. */
  end(): void;

  /** HTTP requests so far, for the figures. */
  requestsSent(): number;
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** The Lease as this pass holds it. */
export interface HeldLease {
  readonly number: number;
  readonly resourceVersion: string;
  readonly renewedAtMs: number;
  /** From then on, unless it is renewed. */
  readonly goodForMs: number;
  /** Somebody has asked for another look already. */
  readonly marked: boolean;
}
