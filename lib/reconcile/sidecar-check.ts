import type { ObservedPod } from "../rollout/observation.ts";
import { noteFor, startResolutionMs } from "../rollout/pod-checks.ts";
import type { CheckedPod } from "../rollout/tally.ts";

/** First answer to be hoped for this long after a poke. */
const firstAskMs = 40;

/** What a pass knows of one sidecar, and when it asks it again. */
export interface Check {
  pod: ObservedPod;
  state: CheckedPod["state"];
  /** When the wait for it began. */
  sinceMs: number;
  /** Its ConfigMap was rewritten by this pass. */
  readonly suspect: boolean;
  /** And nobody has found that to run everywhere since: then what stands does not, before it has answered. */
  readonly doubted: boolean;
  /** By another pass that leaves its note meanwhile: what is on it is not of this pass's own pokes, which prove nothing. */
  readonly canBeVouchedFor: boolean;
  poked: boolean;
  /** Later passes know of it: the status says that it is to be verified, or its annotation that it was. */
  noted: boolean;
  repokes: number;
  /** Why its last poke was refused. */
  unpoked?: string | undefined;
  /** When it was first poked for what it must run; a repeated poke says so too. */
  pokedAtMs: number;
  /** Since its first answer of this pass that told of it. */
  drainingSinceMs?: number;
  nextAskMs: number;
  paceMs: number;
  asking: boolean;
  /** At its first answer; an earlier configuration may have been refused. */
  refusedBefore?: number;
  /** It ran when the mesh had last arrived at what it must run. */
  readonly ranBefore: boolean;
}

/** How a list of pods is taken over. */
export interface Adoption {
  readonly everybody: boolean;
  /** ConfigMaps that this pass has rewritten, as `namespace/name`, and when: pods poked since are waited for from then on. */
  readonly suspects: ReadonlyMap<string, number>;
  /** When what is wanted was found to run everywhere: whoever ran then has had its time. */
  readonly convergedMs?: number | undefined;
  /** When the mesh last arrived at what is wanted, whatever has disturbed it since. */
  readonly arrivedMs?: number | undefined;
}

/** @param digest  what it must run; undefined where its account is not configured yet */
export function newCheck(
  pod: ObservedPod,
  digest: string | undefined,
  isDue: boolean,
  { suspects, convergedMs = 0, arrivedMs = 0 }: Adoption,
  nowMs: number,
): Check {
  const writtenMs = suspects.get(`${pod.namespace}/${pod.configMap}`);
  const startedMs = pod.sidecarStartedAtMs ?? 0;
  // Whoever started later has read what was written, and nobody has poked it for that.
  const justPoked = writtenMs !== undefined && startedMs <= writtenMs;
  const poke = noteFor(pod, digest, nowMs);
  const last = justPoked && poke !== undefined && poke.atMs < writtenMs ? undefined : poke;
  const pokedAtMs = last?.atMs ?? nowMs;
  const hadItsTime = !justPoked && poke !== undefined && startedMs < convergedMs;
  return {
    pod,
    state: isDue ? "not-asked" : "trusted",
    suspect: justPoked,
    doubted: writtenMs !== undefined && !(convergedMs > writtenMs),
    canBeVouchedFor: writtenMs === undefined,
    // A node's clock may be ahead: nobody is waited for from a time to come.
    sinceMs: hadItsTime ? Number.NEGATIVE_INFINITY : Math.min(nowMs, Math.max(pokedAtMs, startedMs)),
    poked: justPoked,
    noted: justPoked,
    repokes: justPoked ? (last?.again ?? 0) : 0,
    pokedAtMs,
    nextAskMs: justPoked ? nowMs + firstAskMs : nowMs,
    paceMs: firstAskMs,
    asking: false,
    ranBefore: startedMs + startResolutionMs <= arrivedMs,
  };
}
