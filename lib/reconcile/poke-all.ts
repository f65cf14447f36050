import type { ObservedPod } from "../rollout/observation.ts";
import { runningSidecars, wantedDigestOf } from "../rollout/pod-checks.ts";
import type { Wanted } from "../rollout/wanted.ts";
import type { Holder } from "./holder.ts";
import { Pokes } from "./pokes.ts";
import { mostAtATime } from "./turns.ts";
import { reserveMs } from "./verification.ts";

/** Between two looks at the switch, which cost as much as a few pokes. */
const overtakenLookMs = 500;

/**
 * Those whose ConfigMap was written.
 *
 * @param isOvertaken  asked now and then: the switch has been moved again, and the rest is poked for where it is then
 */
export async function pokeAll(
  { ports, context, memory, lease }: Holder,
  pods: readonly ObservedPod[],
  wanted: Wanted,
  isOvertaken: () => Promise<boolean>,
): Promise<"done" | "lost" | "overtaken"> {
  const due = runningSidecars(pods).filter((pod) => memory.unpoked.has(`${pod.namespace}/${pod.configMap}`));
  const missed = new Set<string>();
  const pokes = new Pokes(ports, context.log);
  let poked = 0;
  let lookedMs = ports.nowMs();
  try {
    // Between two looks at the clock each of them takes one exchange.
    for (let start = 0; start < due.length; start += mostAtATime) {
      // The status that follows says that they are to be verified, and so the next pass asks and pokes them.
      if (context.msLeft() < reserveMs) {
        context.log.warn("out of time before every pod was poked", { poked: start, pods: due.length });
        return "done";
      }
      if (ports.nowMs() - lookedMs >= overtakenLookMs) {
        if (await isOvertaken()) return "overtaken";
        lookedMs = ports.nowMs();
      }
      if ((await lease.keep()) === "lost") return "lost";
      await Promise.all(
        due.slice(start, start + mostAtATime).map(async (pod) => {
          const digest = wantedDigestOf(pod, wanted);
          if (digest === undefined) return;
          const refusal = await pokes.send(pod, { digest, atMs: ports.nowMs() });
          if (refusal === undefined) poked++;
          else if (refusal.retry !== "never") missed.add(`${pod.namespace}/${pod.configMap}`);
        }),
      );
    }
  } finally {
    pokes.end();
    if (poked > 0) context.log.info("pods poked", { pods: poked, of: due.length });
  }
  memory.unpoked.clear();
  for (const key of missed) memory.unpoked.add(key);
  return "done";
}
