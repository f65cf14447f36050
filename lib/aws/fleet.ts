import pLimit from "p-limit";
import { type AccountClusters, type ClusterPage, openAccountClusters } from "./account-clusters.ts";
import { roleCredentials } from "./role-credentials.ts";
import type { CheckDriftSettings } from "./settings.ts";

/** Every account has EKS's limits for itself. */
const accountsAtATime = 8;

/** What is known of a fleet's clusters, as they are found. */
export interface FleetPage extends ClusterPage {
  /** Accounts whose clusters nobody could list, and why. */
  readonly unlisted: readonly { readonly account: string; readonly problem: string }[];
}

/**
 * The tagged clusters of this region in every account of the fleet. Accounts do not wait for each other: one that is slow
 * or lets nobody in costs the others nothing.
 *
 * @param onPage  called for each page of each account
 * @throws what `onPage` throws; EgressError `aws-forbidden`, `aws-unavailable` when the clusters of the stack's own
 *         account cannot be listed; either way every account has had its turn
 */
export async function sweepFleet(
  { region, busName: deployment, fleetRoles }: Pick<CheckDriftSettings, "region" | "busName" | "fleetRoles">,
  onPage: (page: FleetPage) => Promise<void>,
): Promise<void> {
  const own = readPages(openAccountClusters({ region, deployment }), onPage);
  const limit = pLimit(accountsAtATime);
  const others = [...fleetRoles].map(([account, arn]) =>
    limit(async () => {
      const credentials = roleCredentials({ arn, region, externalId: deployment });
      const problem = await readPages(openAccountClusters({ region, deployment, account, credentials }), onPage);
      if (problem !== undefined) {
        await onPage({ managed: [], unreadable: [], unlisted: [{ account, problem: String(problem) }] });
      }
    }),
  );
  const [ownProblem, ...ends] = await Promise.allSettled([own, ...others]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  if (ownProblem.status === "rejected") throw ownProblem.reason;
  if (ownProblem.value !== undefined) throw ownProblem.value;
}

/** @returns why the clusters could not be listed to the end */
async function readPages(
  clusters: AccountClusters,
  onPage: (page: FleetPage) => Promise<void>,
): Promise<Error | undefined> {
  const pages = clusters.pages();
  for (;;) {
    const next = await pages.next().catch((cause: Error) => cause);
    if (next instanceof Error) return next;
    if (next.done) return undefined;
    await onPage({ ...next.value, unlisted: [] });
  }
}
