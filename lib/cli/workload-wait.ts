import { setTimeout as sleep } from "node:timers/promises";
import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { readPodTroubles, readWarnings } from "../kube/pod-troubles.ts";
import { readReplicaSetOwners, readSidecarPods } from "../kube/sidecar-pods.ts";
import { readWorkload } from "../kube/workloads.ts";
import { podsOfWorkload, type WorkloadRef } from "../rollout/restart/groups.ts";
import { hasExclusions, hasSidecar, type SidecarPod, type WantedSidecar } from "../rollout/restart/outdated.ts";
import { rolloutState, workloadText } from "../rollout/restart/workload.ts";
import { CommandError } from "./failure.ts";

const pollMs = 200;
const maxNamed = 3;

/** A workload that has been restarted. */
export interface Restarted {
  readonly workload: WorkloadRef;
  /** Of the changed spec. */
  readonly generation: number;
  readonly restartedAt: string;
}

/**
 * Waits until all its pods are new and available, and every one has the sidecar.
 *
 * @param say  what is waited for
 * @returns    how many pods have it; undefined when the workload was deleted meanwhile
 * @throws     CommandError when it does not come up, with what its pods say
 */
export async function waitForWorkload(
  connection: KubeConnection,
  restarted: Restarted,
  wanted: WantedSidecar,
  timeoutMs: number,
  say: (state: string) => void,
): Promise<number | undefined> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const look = await lookAt(connection, restarted, wanted).catch(whileUnreachable);
    if (look.kind === "gone") return undefined;
    if (look.kind === "up") return look.pods;
    const isLate = Date.now() > endMs;
    if (look.kind === "failed" || isLate) {
      const what = look.kind === "failed" ? look.why : `not within ${timeoutMs / 1000} s: ${look.what}`;
      throw await notUp(connection, restarted.workload, what);
    }
    say(look.what);
    await sleep(pollMs);
  }
}

/** An API server that is away for a while, as during its own upgrade, is no fault of the workload's. */
function whileUnreachable(error: unknown): Look {
  if (error instanceof EgressError && error.reason === "api-unavailable") {
    return { kind: "under-way", what: error.message };
  }
  throw error;
}

type Look =
  | { readonly kind: "gone" }
  | { readonly kind: "up"; readonly pods: number }
  | { readonly kind: "under-way"; readonly what: string }
  | { readonly kind: "failed"; readonly why: string };

async function lookAt(
  connection: KubeConnection,
  { workload, generation, restartedAt }: Restarted,
  wanted: WantedSidecar,
): Promise<Look> {
  const now = await readWorkload(connection, workload);
  if (!now) return { kind: "gone" };
  const state = rolloutState(now, generation);
  if (state.kind !== "done") return state;
  const pods = await podsNow(connection, workload);
  const isRight = (pod: SidecarPod) =>
    hasSidecar(pod, wanted.image) === true && (pod.capture === undefined || hasExclusions(pod.capture, wanted));
  const wrong = pods.filter((pod) => !isRight(pod));
  const isNew = (pod: SidecarPod) => pod.restartedAt === restartedAt;
  // What an older template made may still be on its way out.
  if (wrong.some(isNew)) return { kind: "failed", why: withoutSidecar(wrong.filter(isNew), wanted.image) };
  if (wrong.length > 0) return { kind: "under-way", what: withoutSidecar(wrong, wanted.image) };
  return { kind: "up", pods: pods.length };
}

async function podsNow(connection: KubeConnection, workload: WorkloadRef): Promise<readonly SidecarPod[]> {
  const pods = await readSidecarPods(connection, [workload.namespace]);
  return podsOfWorkload(pods, await ownersFor(connection, workload), workload);
}

async function ownersFor(connection: KubeConnection, { kind, namespace }: WorkloadRef) {
  return readReplicaSetOwners(connection, kind === "Deployment" ? [namespace] : []);
}

function withoutSidecar(pods: readonly SidecarPod[], image: string): string {
  const named = pods.slice(0, maxNamed).map((pod) => {
    const has = hasSidecar(pod, image);
    if (has === true) return `${pod.name} with other exclusions than the mesh`;
    return `${pod.name} ${has.found === undefined ? "without a sidecar" : `with ${has.found}`}`;
  });
  const more = pods.length > maxNamed ? `, and ${pods.length - maxNamed} more` : "";
  return `not with sidecar ${image}: ${named.join(", ")}${more}`;
}

/** With what keeps its pods from being ready, and the last warnings about them and it. */
async function notUp(connection: KubeConnection, workload: WorkloadRef, what: string): Promise<CommandError> {
  const owners = await ownersFor(connection, workload);
  const ours = podsOfWorkload(await readSidecarPods(connection, [workload.namespace]), owners, workload);
  const uids = new Set(ours.map(({ uid }) => uid));
  const troubled = (await readPodTroubles(connection, workload.namespace)).filter(({ uid }) => uids.has(uid));
  const replicaSets = [...owners].filter(([, owner]) => owner.uid === workload.uid).map(([uid]) => uid);
  const concerned = new Set([workload.uid, ...replicaSets, ...troubled.map(({ uid }) => uid)]);
  const warnings = await readWarnings(connection, workload.namespace, concerned);
  const pods = troubled
    .slice(0, maxNamed)
    .map(({ name, troubles }) => `pod ${name}: ${troubles.length === 0 ? "not ready" : troubles.join(", ")}`);
  return new CommandError(
    `${workloadText(workload)} did not come up: ${[what, ...pods, ...warnings].join("; ")}`,
    "put that right, then run the same again: it goes on with what is still outdated",
  );
}
