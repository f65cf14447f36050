import { writesOf } from "../scripted/pass.ts";
import type { System } from "./system.ts";

/** What is left when all is over, without times, versions and numbers: two runs that come to the same end have the same. */
export function endOf({ cluster, queue }: System) {
  const { status } = cluster;
  return {
    reality: cluster.reality,
    runs: new Set([...cluster.pods.values()].map(({ runs }) => runs)).size,
    configMaps: [...cluster.configMaps.entries()]
      .map(([key, { files, settings }]) => ({ key, files, settings }))
      .sort((left, right) => (left.key < right.key ? -1 : 1)),
    injection: cluster.injection,
    target: status.target,
    phase: status.phase,
    sidecars: status.sidecars,
    lagging: status.lagging,
    conditions: (status.conditions ?? []).map(({ type, status: value, reason }) => `${type} ${value} ${reason}`),
    history: (status.history ?? []).map(({ to, outcome }) => `${to ? "on" : "off"} ${outcome}`),
    holder: cluster.lease?.holder,
    waiting: queue.size,
  };
}

/** Changes of a ConfigMap's bytes, in order: what, and to which way the switch. */
export function changesOf({ journal }: System): readonly string[] {
  const changes = journal.of("config written").filter(({ isChange }) => isChange);
  return changes.map(({ object, egress }) => `${object} ${egress ? "on" : "off"}`).sort();
}

/**
 * What may never happen, whatever befalls whom; in words, empty when nothing of it did:
 * a fencing number is given out twice, or written with although a higher one was given out before it; a ConfigMap takes a
 * number below its own; one is written although its bytes were right already, but by a pass that had found the Lease broken;
 * the history has one change twice. A number may fall where a Lease is made late, and another one has come and gone
 * meanwhile: whoever has it sees that, and raises it before it writes.
 */
export function breaches({ journal, cluster }: System): readonly string[] {
  const found: string[] = [];
  const taken = journal.of("lease taken");
  const used = new Set(journal.of("config written").map(({ fencing }) => fencing));
  for (const [at, { fencing, pass }] of taken.entries()) {
    const before = taken.slice(0, at).map((earlier) => earlier.fencing);
    const highest = Math.max(...before, 0);
    const isRepeated = before.includes(fencing);
    if (isRepeated || (fencing < highest && used.has(fencing))) found.push(`${pass} took ${fencing} after ${highest}`);
  }
  const numbers = new Map<string, number>();
  for (const { object, fencing, pass, isChange } of journal.of("config written")) {
    if (fencing < (numbers.get(object) ?? 0)) found.push(`${pass} wrote ${object} with ${fencing}, which is older`);
    numbers.set(object, fencing);
    // By its holder, who may have raised the number since.
    const isTakeover = taken.some((lease) => lease.pass === pass && lease.fencing <= fencing && lease.wasBroken);
    if (!isChange && !isTakeover) found.push(`${pass} wrote ${object} again without need`);
  }
  const history = cluster.status.history ?? [];
  for (const [at, { to }] of history.entries()) {
    if (history[at + 1]?.to === to) found.push(`the history has ${to ? "on" : "off"} twice in a row`);
  }
  return found;
}

/** From the death of a pass that had hidden its message to the first call of the next pass over it, in ms. */
export function takeovers({ journal }: System): readonly number[] {
  const killed = journal.of("ended").filter(({ how }) => how === "killed");
  return killed.flatMap(({ pass, message, atMs }) => {
    const calls = journal.of("called");
    const hid = calls.some((call) => call.pass === pass && call.verb === "hide" && call.atMs <= atMs);
    const next = journal.of("delivered").find((one) => one.message === message && one.atMs > atMs);
    if (!hid || next === undefined) return [];
    const first = calls.find((call) => call.pass === next.pass && call.atMs >= next.atMs);
    return first === undefined ? [] : [first.atMs - atMs];
  });
}

/** What a takeover may take at most. */
export const maxTakeoverMs = 90_000;

/** The most calls to the API server and to AWS in any minute. */
export function busiestMinute({ journal }: System): number {
  const times = journal.of("called").map(({ atMs }) => atMs);
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) > 60_000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/**
 * What a hint pass writes after the end. A poke that came late, from one that woke, or not at all leaves a pod without the right
 * note, which takes one more pass; nobody has anything else to write, and the pass after that nothing at all.
 */
export async function writesAfterwards({ cluster }: System, hasNotes: boolean): Promise<readonly string[]> {
  const first = hasNotes ? await writesOf(cluster) : [];
  return [...first.filter((line) => !line.startsWith("poke ")), ...(await writesOf(cluster))];
}

/** Messages that are neither done with nor dead, and dead ones of which nobody says why they should be. */
export function unaccounted({ journal, queue }: System): readonly string[] {
  const last = new Map(journal.of("delivered").map((entry) => [entry.message, entry.receiveCount]));
  const ended = new Set(journal.of("ended").flatMap(({ how, message }) => (how === "done" ? [message] : [])));
  const dead = new Set(queue.dead.map(({ id }) => id));
  const lost = [...last.keys()].filter((message) => !ended.has(message) && !dead.has(message));
  const early = queue.dead.filter(({ id, problem }) => problem === undefined && (last.get(id) ?? 0) < 5);
  return [...lost.map((id) => `${id} is lost`), ...early.map(({ id }) => `${id} is dead without five tries`)];
}
