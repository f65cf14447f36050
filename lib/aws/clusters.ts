import { EgressError } from "../errors.ts";
import type { KubeConnection } from "../kube/connection.ts";
import { timelyConnection } from "../kube/timely-connection.ts";
import type { PassContext } from "../reconcile/pass.ts";
import { type ClusterSettings, type ReachedCluster, reachCluster } from "./cluster-connection.ts";
import { firstAnswerMs, firstContact, NoContact } from "./first-contact.ts";

/** EKS clusters by their ids, spoken to as the function's own role or one that it may assume. */
export interface Clusters {
  /** Begins to look the cluster of a hint up; what fails, fails in `use`. */
  prepare(hint: { readonly cluster: string }): void;
  /**
   * @param id    as `knownClusterId` gives it
   * @param pass  what the work is part of: no request of it takes longer than the pass has left
   * @throws EgressError `cluster-unknown`, `aws-forbidden`, `aws-unavailable`, `api-unavailable` where nobody answers, and
   *         whatever the work throws
   */
  use<T>(id: string, pass: PassTime, work: (connection: KubeConnection) => Promise<T>): Promise<T>;
}
type PassTime = Pick<PassContext, "msLeft">;

/** Two tries for the first answer. */
const contactMs = 2 * firstAnswerMs;
/**
 * For so long a cluster that was silent is not asked again: its messages would wait for their time to be out one after
 * the other, in the place of other clusters'. After that there is one try.
 */
export const silentMs = 30_000;
/**
 * Who takes a cluster's tag away, or names another role by it, is heard after that time at the latest: where nothing
 * fails, a busy function lives for hours.
 */
export const keptMs = 60 * 60_000;

export interface ClusterPorts {
  reach(id: string): Promise<ReachedCluster>;
  nowMs(): number;
}

/**
 * Connections live for an hour, or until a pass fails: one DescribeCluster, one TLS session, one token per 14 minutes. The
 * memory of who was silent lives as long as the warm function; each has its own.
 */
export function openClusters(settings: ClusterSettings, ports: Partial<ClusterPorts> = {}): Clusters {
  const { reach = (id: string) => reachCluster(id, settings), nowMs = Date.now } = ports;
  const kept = new Map<string, { readonly reached: Promise<ReachedCluster>; readonly sinceMs: number }>();
  /** When a cluster was last asked in vain. */
  const silentSince = new Map<string, number>();

  function open(id: string): Promise<ReachedCluster> {
    const sinceMs = nowMs();
    const before = kept.get(id);
    if (before && sinceMs - before.sinceMs < keptMs) return before.reached;
    if (before) drop(id);
    const reached = reach(id);
    const own = { reached, sinceMs };
    kept.set(id, own);
    // Nobody may come to use what was prepared, and the next one would fail with what is over.
    reached.catch(() => {
      if (kept.get(id) === own) kept.delete(id);
    });
    return reached;
  }
  /** Its connections close as soon as nothing is under way on them. */
  function drop(id: string): void {
    const dropped = kept.get(id)?.reached;
    kept.delete(id);
    dropped?.then(({ connection }) => connection.close()).catch(() => undefined);
  }
  function isLeftAlone(id: string): boolean {
    return nowMs() - (silentSince.get(id) ?? -Infinity) < silentMs;
  }

  async function useReached<T>(
    id: string,
    { msLeft }: PassTime,
    work: (connection: KubeConnection) => Promise<T>,
  ): Promise<T> {
    const { connection, advice, principal } = await open(id);
    const timely = timelyConnection(connection, msLeft);
    const contact = firstContact(timely, silentSince.has(id) ? firstAnswerMs : contactMs, nowMs);
    try {
      return await work(contact.connection);
    } catch (error) {
      const cause = error instanceof NoContact ? error.cause : error;
      if (!(cause instanceof EgressError)) throw cause;
      const { reason, what } = cause;
      if (contact.hasAnswered()) {
        // EKS says 401, and not 403, to whom it has no access entry for.
        if (reason !== "api-unauthenticated") throw cause;
        throw new EgressError(reason, `${id}: ${what}; has the cluster an access entry for ${principal}?`, cause);
      }
      if (reason !== "api-unavailable") throw cause;
      silentSince.set(id, nowMs());
      throw new EgressError(reason, `${id}: ${what}; ${advice}`, cause);
    } finally {
      if (contact.hasAnswered()) silentSince.delete(id);
    }
  }

  return {
    prepare({ cluster: id }) {
      if (!isLeftAlone(id)) open(id).catch(() => undefined);
    },
    async use(id, pass, work) {
      if (isLeftAlone(id)) {
        const agoS = Math.round((nowMs() - (silentSince.get(id) ?? 0)) / 1_000);
        throw new EgressError("api-unavailable", `${id}: not asked, it did not answer ${agoS} s ago`);
      }
      try {
        return await useReached(id, pass, work);
      } catch (error) {
        // The endpoint, the CA or the role may be another one by now.
        drop(id);
        throw error;
      }
    },
  };
}
