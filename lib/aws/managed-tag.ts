import type { Cluster } from "@aws-sdk/client-eks";
import { managedTag } from "../events/fields.ts";

/**
 * Whether a cluster's tag gives it to a deployment: to any with the value `true`, to a single one with that one's name.
 * Where several share a region, each would otherwise find the clusters of the others, which do not let it in.
 *
 * @param deployment  the name of its bus, `osm-egress-STAGE`
 */
export function isManagedBy(deployment: string, cluster: Cluster | undefined): boolean {
  const value = cluster?.tags?.[managedTag];
  return value === "true" || value === deployment;
}

/** What is to be said of one that is not. */
export function notManaged(deployment: string, cluster: Cluster | undefined): string {
  const value = cluster?.tags?.[managedTag];
  const wanted = `${managedTag}=true, or =${deployment}`;
  return value === undefined ? `it has no tag ${wanted}` : `its tag ${managedTag} is neither true nor ${deployment}`;
}
