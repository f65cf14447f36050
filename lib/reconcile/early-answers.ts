import type { Answer, MeshObservation, ObservedPod } from "../rollout/observation.ts";
import { runningSidecars } from "../rollout/pod-checks.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { ClusterPorts } from "./ports.ts";

/** More would be in the way of the pokes. */
const mostAsked = 64;

/**
 * What sidecars answer while they are poked; filled as they do, and nobody waits for it. Not for what they are poked for,
 * but while an earlier look has the switch on its way: in a mesh in which nothing stands still a look follows the other,
 * each with another version, and whether the switch has arrived is known before the next version has.
 */
export function earlyAnswers(
  ports: ClusterPorts,
  { rollout }: MeshObservation,
  { target }: Wanted,
  pods: readonly ObservedPod[],
): ReadonlyMap<ObservedPod, Answer> {
  const heard = new Map<ObservedPod, Answer>();
  const [newest] = rollout?.status.history ?? [];
  const isUnderWay = newest?.outcome === "Rolling" && newest.to === target.egress;
  const asked = isUnderWay ? runningSidecars(pods) : [];
  if (asked.length > mostAsked) return heard;
  for (const pod of asked) {
    ports.ask(pod).then(
      (answer) => heard.set(pod, answer),
      // It is asked again, and then this is the pass's affair.
      () => undefined,
    );
  }
  return heard;
}
