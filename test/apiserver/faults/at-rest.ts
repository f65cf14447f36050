import { digestsNow } from "#test/faults/proxy/digests-now.ts";
import type { Exchange } from "#test/faults/proxy/fault.ts";
import { breachesIn, changesIn, takenOfTheDead, writesIn } from "#test/faults/proxy/write-journal.ts";
import type { LogLine } from "./child.ts";
import type { Rig } from "./rig.ts";
import { configMapNames, meshPods, statusNow } from "./small-mesh.ts";

/** The mesh before a change: what the laws compare with. */
export interface Rest {
  readonly egress: boolean;
  /** By the ConfigMap's path below `/api/v1`. */
  readonly digests: ReadonlyMap<string, string>;
}

/** Forgets what has led here. */
export async function rest({ admin, proxy, aws }: Rig): Promise<Rest> {
  proxy.faults = () => undefined;
  aws.faults = () => undefined;
  proxy.exchanges.length = 0;
  for (const heard of [aws.calls, aws.events, aws.sent]) heard.length = 0;
  const { target } = await statusNow(admin);
  if (target === undefined) throw new Error("the mesh has no target yet");
  return { egress: target.egress, digests: await digestsNow(admin) };
}

const way = (egress: boolean) => (egress ? "on" : "off");

/** What there is in the end, as far as it may not depend on what happened on the way. */
export async function endOf({ admin, sidecars }: Rig) {
  const { phase, target, sidecars: counts, lagging, conditions = [], history = [] } = await statusNow(admin);
  const [last, before] = history;
  const short = (version: string) => version.split("-")[0];
  return {
    configMaps: [...(await digestsNow(admin)).values()].map(short),
    running: [...sidecars.running().values()].map(short),
    phase,
    target: target && way(target.egress),
    verified: counts?.verified,
    lagging,
    isConverged: conditions.some(({ type, status }) => type === "Converged" && status === "True"),
    history: [last, before].map((entry) => entry && `${way(entry.to)} ${entry.outcome}`),
  };
}

export function wantedEnd(egress: boolean): Awaited<ReturnType<typeof endOf>> {
  return {
    configMaps: configMapNames.map(() => way(egress)),
    running: meshPods.map(() => way(egress)),
    phase: "Idle",
    target: way(egress),
    verified: meshPods.length,
    lagging: [],
    isConverged: true,
    history: [`${way(egress)} Converged`, `${way(!egress)} Converged`],
  };
}

/** What the journal says of the way there: nothing lost, nothing twice, by nobody who was overtaken, and nobody spun. */
export function wayOf(
  { proxy, aws }: Rig,
  { digests }: Rest,
): { readonly changes: readonly string[]; breaches: readonly string[]; spins: readonly string[] } {
  const writes = writesIn(proxy.exchanges);
  return {
    changes: changesIn(writes, digests)
      .map((change) => change.replace(/^.*\/(\S+) (on|off)-.*$/, "$1 $2"))
      .sort(),
    breaches: breachesIn(writes, digests, takenOfTheDead(writes)),
    spins: [
      ...busierThan(proxy.exchanges, ({ identity }) => identity, maxRequestsInAMinute),
      ...busierThan(aws.calls, ({ sender }) => sender, maxCallsInAMinute),
    ],
  };
}

/** Every ConfigMap once. */
export function wantedWay(egress: boolean): ReturnType<typeof wayOf> {
  return { changes: configMapNames.map((name) => `${name} ${way(egress)}`), breaches: [], spins: [] };
}

export function refusedWrites({ proxy }: Rig, process: string): readonly Exchange[] {
  return proxy.exchanges.filter(({ identity, status, method }) => {
    return identity === process && status === 403 && method !== "GET";
  });
}

/** Of one process. Undisturbed a change is some 35 requests and 5 calls; the rest is for what is tried again. */
const maxRequestsInAMinute = 200;
export const maxCallsInAMinute = 30;

/** Who asked more often in some minute, in words. */
export function busierThan<T extends { readonly atMs: number }>(
  requests: readonly T[],
  whose: (request: T) => string,
  most: number,
): readonly string[] {
  return [...Map.groupBy(requests, whose)]
    .map(([who, theirs]) => [who, busiestMinute(theirs)] as const)
    .filter(([, count]) => count > most)
    .map(([who, count]) => `${who}: ${count} in a minute`);
}

/** How many there were in the busiest minute. */
function busiestMinute(requests: readonly { readonly atMs: number }[]): number {
  const times = requests.map(({ atMs }) => atMs).sort((left, right) => left - right);
  return Math.max(0, ...times.map((from, at) => times.slice(at).filter((time) => time - from < 60_000).length));
}

/** The correlation ids of these lines: of one change there is one. */
export function idsIn(lines: readonly LogLine[]): readonly (string | undefined)[] {
  return [...new Set(lines.map(({ correlationId }) => correlationId))];
}
