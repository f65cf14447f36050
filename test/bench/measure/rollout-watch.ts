import { openKubeconfig } from "#lib/kube/kubeconfig.ts";
import { apiVersion, osmNamespace, rolloutName } from "#lib/mesh/names.ts";
import { conditionOf, type RolloutStatus } from "#lib/rollout/status.ts";
import type { Cluster } from "#test/cluster/cluster.ts";

/** EgressRollout's status, as whoever watches it learns of it. */
export interface RolloutWatch {
  readonly last: RolloutStatus;
  /** @throws after `withinMs`, with the status there was */
  until(what: string, reached: (status: RolloutStatus) => boolean, withinMs: number): Promise<RolloutStatus>;
  close(): void;
}

export function watchRollout(cluster: Cluster): RolloutWatch {
  const connection = openKubeconfig({ kubeconfig: cluster.kubeconfigPath });
  const ended = new AbortController();
  let last: RolloutStatus = {};
  let failure: unknown;
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers<void>();
  };

  async function follow(): Promise<void> {
    const path = `/apis/${apiVersion}/namespaces/${osmNamespace}/egressrollouts`;
    // Ended by the server in time: a watch that tells nothing for five minutes is given up as dead, and fails.
    const query = { watch: true, timeoutSeconds: 60, fieldSelector: `metadata.name=${rolloutName}` };
    // Each new one begins with the object as it is.
    while (!ended.signal.aborted) {
      for await (const line of connection.stream({ method: "GET", path, query }, ended.signal)) {
        const { object } = JSON.parse(line) as { readonly object: { readonly status?: RolloutStatus } };
        last = object.status ?? {};
        tell();
      }
    }
  }
  follow().catch((error: unknown) => {
    if (!ended.signal.aborted) failure = error;
    tell();
  });

  return {
    get last() {
      return last;
    },
    async until(what, reached, withinMs) {
      const late = AbortSignal.timeout(withinMs);
      const expired = new Promise<void>((resolve) => late.addEventListener("abort", () => resolve(), { once: true }));
      while (!reached(last)) {
        if (failure !== undefined) throw failure;
        if (late.aborted) throw new Error(`not ${what} within ${withinMs} ms: ${JSON.stringify(last)}`);
        await Promise.race([news.promise, expired]);
      }
      return last;
    },
    close: () => ended.abort(),
  };
}

/** Converged on this value, and for off with every connection cut: no pass has anything left to wait for. */
export function isAtRest(status: RolloutStatus, egress: boolean): boolean {
  return isConverged(status, egress) && (egress || conditionOf(status, "EgressCut")?.status === "True");
}

export function isConverged(status: RolloutStatus, egress: boolean): boolean {
  return status.target?.egress === egress && conditionOf(status, "Converged")?.status === "True";
}
