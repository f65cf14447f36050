import { EgressError } from "#lib/errors.ts";
import { meshPlace } from "#lib/mesh/names.ts";
import type { ClusterPorts, HeldLease } from "#lib/reconcile/ports.ts";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import { leaseMs, type ScriptedCluster, type StoredLease } from "./cluster.ts";

/** What befalls a call, before or after the API server has done what it asks. */
export interface Fate {
  /** Ms until the request arrives, and until the answer is back. */
  readonly there: number;
  readonly back: number;
  /** The process ends at this call: `before` the request is sent, or `after` it was carried out. */
  readonly killed?: "before" | "after";
  /** The connection breaks: the pass lives on without an answer. */
  readonly unanswered?: "before" | "after";
  /** The connection breaks, and so much later the request is carried out nonetheless. */
  readonly lateMs?: number;
}

export type Fates = (verb: string, index: number) => Fate;
export const steady: Fates = () => ({ there: 1, back: 1 });

/** The process that ran the pass has ended. */
export class Killed extends Error {}

/** Ports of one pass over a scripted cluster. */
export function scriptedPorts(cluster: ScriptedCluster, passId: string, fates: Fates = steady): ClusterPorts {
  const { clock } = cluster;
  let sent = 0;
  let dead = false;

  async function call<T>(verb: string, effect: () => T | Promise<T>): Promise<T> {
    if (dead) throw new Killed(verb);
    const fate = fates(verb, sent++);
    cluster.calls.set(verb, (cluster.calls.get(verb) ?? 0) + 1);
    if (fate.killed === "before") dead = true;
    if (dead) throw new Killed(verb);
    await clock.sleep(fate.there);
    const noAnswer = () => new EgressError("api-unavailable", `${verb}: no answer`, new Error("socket closed"));
    if (fate.unanswered === "before") throw noAnswer();
    if (fate.lateMs !== undefined) {
      clock.after(
        fate.lateMs,
        () =>
          void Promise.resolve()
            .then(effect)
            .catch(() => undefined),
      );
      throw noAnswer();
    }
    const result = await effect();
    if (fate.killed === "after") dead = true;
    await clock.sleep(fate.back);
    if (dead) throw new Killed(verb);
    if (fate.unanswered === "after") throw noAnswer();
    return result;
  }
  const wrote = (line: string) => cluster.writes.push(line);

  function store(lease: Omit<StoredLease, "resourceVersion">): HeldLease {
    cluster.lease = { ...lease, resourceVersion: cluster.nextVersion() };
    const { transitions: number, resourceVersion, renewedAtMs, marked } = cluster.lease;
    return { number, resourceVersion, renewedAtMs, goodForMs: leaseMs, marked };
  }
  const isMine = (held: HeldLease) => cluster.lease?.holder === passId && cluster.lease.transitions === held.number;

  return {
    place: meshPlace,
    glance: () =>
      call("glance", () => {
        const { osmConfig, injection, rollout, lease } = cluster.observe();
        return { osmConfig, injection, rollout, lease };
      }),
    readMesh: (glance) => call("readMesh", () => ({ ...cluster.observe(), ...glance })),
    survey: () => call("survey", () => structuredClone({ ...cluster.surveyed, atMs: clock.nowMs() })),
    readPods: () => call("readPods", () => [...cluster.pods.values()].map((pod) => pod.observed)),

    takeLease: (seen, atLeast) =>
      call("takeLease", () => {
        if (cluster.lease?.resourceVersion !== seen?.resourceVersion) return undefined;
        const transitions = Math.max(seen?.transitions ?? 0, atLeast) + 1;
        wrote(`take ${transitions}`);
        return store({ holder: passId, transitions, renewedAtMs: clock.nowMs(), marked: false });
      }),
    markLease: (seen) =>
      call("markLease", () => {
        if (!cluster.lease || cluster.lease.resourceVersion !== seen.resourceVersion) return false;
        wrote("mark");
        if (!cluster.lease.marked) store({ ...cluster.lease, marked: true });
        return true;
      }),
    renewLease: (held) =>
      call("renewLease", () => {
        if (!cluster.lease || !isMine(held)) return "lost";
        wrote("renew");
        return store({ ...cluster.lease, renewedAtMs: clock.nowMs() });
      }),
    releaseLease: (held) =>
      call("releaseLease", () => {
        if (!cluster.lease || !isMine(held)) return "lost";
        const { marked } = cluster.lease;
        wrote("release");
        store({ ...cluster.lease, holder: "", marked: false });
        return marked ? "marked" : "released";
      }),
    leaseNumber: () => call("leaseNumber", () => cluster.lease?.transitions),

    applyConfigMap: (write, running, fencing) =>
      call("applyConfigMap", () => {
        const { namespace } = write.account;
        const key = `${namespace}/${write.name}`;
        const before = cluster.configMaps.get(key);
        const place = cluster.namespaces.get(namespace);
        if (place === undefined || (place === "terminating" && !before)) return "gone";
        const refusal = cluster.refusals.get(key);
        if (refusal) throw refusal;
        // A deletion is refused for no number, and is a write like any other.
        if (write.replaces !== undefined) {
          if (before?.resourceVersion !== write.replaces) throw new EgressError("object-conflict", `${key}: 409`);
          wrote(`delete ${key}`);
        } else if (before?.immutable && write.changesFiles) {
          throw new EgressError("object-conflict", `${key}: made immutable just now`);
        } else if (before && fencing < before.fencing) {
          // As policy osm-sidecar-config does.
          throw new EgressError("object-conflict", `${key}: fencing number ${fencing} is older than ${before.fencing}`);
        }
        wrote(`apply ${key} ${running.egress ? "on" : "off"} ${fencing}`);
        cluster.storeConfigMap({
          namespace,
          name: write.name,
          resourceVersion: cluster.nextVersion(),
          createdAtMs: before?.createdAtMs ?? clock.nowMs(),
          account: write.account.name,
          files: write.config.files,
          settings: running,
          fencing,
          ...(write.proof === undefined ? {} : { proof: write.proof }),
          appliedAt: new Date(clock.nowMs()).toISOString(),
        });
        return "done";
      }),
    deleteConfigMap: (map) =>
      call("deleteConfigMap", () => {
        const key = `${map.namespace}/${map.name}`;
        if (cluster.configMaps.get(key)?.resourceVersion !== map.resourceVersion) return;
        wrote(`delete ${key}`);
        cluster.configMaps.delete(key);
      }),
    applyInjection: (spec) =>
      call("applyInjection", () => {
        wrote("injection");
        cluster.injection = spec;
      }),
    poke: (pod, note) =>
      call("poke", () => {
        const key = `${pod.namespace}/${pod.name}`;
        const refusal = cluster.pokeRefusals.get(key);
        if (refusal) throw refusal;
        const target = cluster.pods.get(key);
        if (!target) return "gone";
        wrote(`poke ${key}`);
        target.hear(note);
        return "done";
      }),
    ask: (pod) =>
      call("ask", async () => {
        const target = cluster.pods.get(`${pod.namespace}/${pod.name}`);
        return target ? target.answer() : ({ kind: "silent", why: "status 404" } as const);
      }),
    writeStatus: (status, resourceVersion) =>
      call("writeStatus", () => {
        if (cluster.rollout?.resourceVersion !== resourceVersion) return "conflict";
        wrote(describe(status));
        cluster.watchStatus(status);
        cluster.rollout = {
          ...cluster.rollout,
          resourceVersion: cluster.nextVersion(),
          status: JSON.parse(JSON.stringify(status)) as RolloutStatus,
        };
        return cluster.rollout.resourceVersion;
      }),
    recordEvent: (event) =>
      call("recordEvent", () => {
        wrote(`event ${event.reason}`);
      }),

    end: () => undefined,
    requestsSent: () => sent,
    nowMs: () => clock.nowMs(),
    sleep: (ms) => clock.sleep(ms),
  };
}

/** `status Rolling on 0/3 Waiting`, and for off the cut's reason: `status Idle off 3/3 AllVerified AllVerified`. */
export function describe(status: RolloutStatus): string {
  const { total = 0, verified = 0 } = status.sidecars ?? {};
  const egress = status.target?.egress ? "on" : "off";
  const reasons = [conditionOf(status, "Converged")?.reason, conditionOf(status, "EgressCut")?.reason];
  const accepted = conditionOf(status, "Accepted")?.status === "False" ? ["not accepted"] : [];
  return ["status", status.phase, egress, `${verified}/${total}`, ...reasons, ...accepted]
    .filter((word) => word !== "EgressOn")
    .join(" ");
}
