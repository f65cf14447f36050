import { EgressError } from "../errors.ts";
import { unknownAccounts } from "../rollout/config-writes.ts";
import { meshPods } from "../rollout/mesh-pods.ts";
import { type MeshObservation, type ObservedPod, podKey } from "../rollout/observation.ts";
import { defaultPodDeadlineMs, describeState } from "../rollout/pod-checks.ts";
import { type Wanted, wantedMesh } from "../rollout/wanted.ts";
import type { Holder } from "./holder.ts";
import type { LeaseInHand } from "./lease-in-hand.ts";
import type { PassContext, PassLog } from "./pass.ts";
import { pokeAll } from "./poke-all.ts";
import type { ClusterPorts } from "./ports.ts";
import { SidecarRound } from "./sidecar-round.ts";
import { Telling } from "./telling.ts";
import { writeConfigs } from "./write-configs.ts";

/** What came of opening every sidecar. */
export interface Opened {
  /** Running sidecars of pods that are not being deleted. */
  readonly total: number;
  readonly verified: number;
  /** The others: `namespace/name`, and why. */
  readonly missing: readonly { readonly pod: string; readonly reason: string }[];
}

/** What whoever opens hears of it meanwhile. */
export interface OpeningWatch {
  /**
   * Before the first write, and once more after the last one.
   *
   * @param sidecars    at most so many are opened; later those whose ConfigMap is written
   * @param configured  what osm-config wants of them
   */
  onOpening?(sidecars: number, configured: "on" | "off"): void;
  /** How far it is: verified, of how many. */
  onShare?(verified: number, total: number): void;
}

const tickMs = 250;
const nothing: ReadonlySet<string> = new Set();
/** The switch is not asked for: they are opened whatever it says. */
const never = async () => false;

/**
 * Gives every sidecar a configuration that refuses nothing, and asks each until it runs it or has had its time: for a mesh
 * that is about to go, after which nobody could open one any more.
 *
 * osm-config is not read for it and not written: while the caller holds the Lease no pass writes anything else.
 *
 * An exception leaves sidecars open that osm-config wants closed, and no event wakes a pass: see `closeAgain`.
 *
 * @param lease   in hand, and kept in hand all the while
 * @throws        EgressError when a ConfigMap that pods mount cannot be written, or the Lease is lost
 */
export async function openAll(
  ports: ClusterPorts,
  lease: LeaseInHand,
  log: PassLog,
  watch: OpeningWatch = {},
): Promise<Opened> {
  const context = contextOf(log);
  const memory = {
    suspects: new Map<string, number>(),
    unpoked: new Set<string>(),
    telling: new Telling(ports, context),
  };
  const holder: Holder = { ports, context, memory, lease, written: [] };
  const seen = await ports.readMesh();
  const podsBefore = meshPods(seen, await ports.readPods());
  const wanted = openMesh(seen, podsBefore);
  const configured = wantedMesh(seen).target.egress ? "on" : "off";
  watch.onOpening?.(podsBefore.length, configured);
  // Before it is so: whoever finds sidecars open after this process has died reads why.
  await record(ports, `opens ${podsBefore.length} sidecars for good, which osm-config wants ${configured}`);
  // As if the Lease were new: every ConfigMap gets its number, so that a pass that was frozen cannot close one again.
  const asNew = { ...seen, lease: undefined };
  const { refusal, applied } = await writeConfigs(holder, asNew, wanted, { held: nothing, orphans: [] });
  watch.onOpening?.(podsBefore.filter((pod) => applied.has(`${pod.namespace}/${pod.configMap}`)).length, configured);
  if (refusal) throw refusal;
  // Listed after the last write: whoever starts later reads what is written.
  const pods = meshPods(seen, await ports.readPods());
  refuseUnwritten(holder.memory.refused ?? [], pods);
  if ((await lease.keep()) === "lost" || (await pokeAll(holder, pods, wanted, never)) === "lost") throw leaseLost();

  const round = new SidecarRound(ports, log, wanted, {
    isPatient: true,
    podDeadlineMs: defaultPodDeadlineMs,
    altered: nothing,
  });
  round.adopt(
    pods.filter(({ terminating }) => !terminating),
    { everybody: true, suspects: memory.suspects },
  );
  try {
    while (round.unresolved) {
      await round.step(tickMs);
      const { verified, total } = openedOf(round);
      watch.onShare?.(verified, total);
      if ((await lease.keep()) === "lost") throw leaseLost();
    }
  } finally {
    round.end();
  }
  const opened = openedOf(round);
  await record(ports, `has opened ${opened.verified} of ${opened.total} sidecars for good`);
  return opened;
}

/** For whoever asks later; that it cannot be written is no reason to stop half-way. */
async function record(ports: ClusterPorts, what: string): Promise<void> {
  const message = `osm uninstall --force ${what}`;
  await ports.recordEvent({ type: "Warning", reason: "EgressOpened", message }).catch(() => undefined);
}

/**
 * Egress on, in-mesh Services reachable, no range refused: whatever a sidecar refused now it would refuse for ever. Nothing
 * else, so that connections inside the mesh live on.
 */
function openMesh(seen: MeshObservation, pods: readonly ObservedPod[]): Wanted {
  const data = { egress: "true", permissive_traffic_policy_mode: "true" };
  const osmConfig = { uid: "", resourceVersion: "0", egressManager: undefined, ...seen.osmConfig, data };
  const open = { ...seen, osmConfig };
  const wanted = wantedMesh(open, unknownAccounts(wantedMesh(open), pods));
  const { meshName: _, images: __, ...injection } = seen.injection ?? {};
  // New pods are no concern of this: they get no sidecar soon.
  return { ...wanted, injection };
}

function openedOf(round: SidecarRound): Opened {
  const checked = round.checked;
  const missing = checked.flatMap(({ pod, state }) => {
    if (state === "trusted" || (typeof state === "object" && state.kind === "verified")) return [];
    return [{ pod: podKey(pod), reason: typeof state === "string" ? "NotAsked" : describeState(state) }];
  });
  missing.sort((left, right) => (left.pod < right.pod ? -1 : 1));
  return { total: checked.length, verified: checked.length - missing.length, missing };
}

function refuseUnwritten(
  refused: readonly { readonly account: string; readonly why: string }[],
  pods: readonly ObservedPod[],
): void {
  const inUse = new Set(pods.map((pod) => `${pod.namespace}/${pod.account}`));
  const needed = refused.filter(({ account }) => inUse.has(account));
  const [first] = needed;
  if (!first) return;
  const accounts = needed.map(({ account }) => account).join(", ");
  throw new EgressError(
    "api-forbidden",
    `sidecar ConfigMaps that pods mount could not be written: ${accounts}: ${first.why}`,
  );
}

function leaseLost(): EgressError {
  return new EgressError("object-conflict", "Lease osm-reconciler: somebody else has taken it meanwhile");
}

/** Nobody listens but the person at the terminal, who also decides when it has lasted long enough. */
function contextOf(log: PassLog): PassContext {
  return {
    passId: "uninstall",
    kind: "drift",
    hint: { source: "osm.cli", correlationId: "uninstall" },
    msLeft: () => Number.POSITIVE_INFINITY,
    publish: async () => undefined,
    log,
  };
}
