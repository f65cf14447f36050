import type { AwsSide } from "#test/aws/aws-side.ts";
import type { Cluster } from "#test/cluster/cluster.ts";

/** Messages of the Kubernetes events on osm-config with that reason, oldest first; of one second, in any order. */
export async function configEvents(cluster: Cluster, reason: string): Promise<readonly string[]> {
  const selector = `involvedObject.name=osm-config,reason=${reason}`;
  const sorted = "--sort-by=.metadata.creationTimestamp";
  const text = await cluster.kubectl(
    ...["get", "events", "-n", "osm-system", "--field-selector", selector, sorted, "-o", "json"],
  );
  const { items } = JSON.parse(text) as { readonly items: readonly { readonly message: string }[] };
  return items.map(({ message }) => message);
}

/** How much the reconcile function's log adds to a metric, over all its invocations that have ended. */
export async function countedByMetric(aws: AwsSide, metric: string): Promise<number> {
  const values = (await aws.logs("reconcile")).flatMap(({ fields }) => fields?.[metric] ?? []);
  return values.reduce<number>((sum, value) => sum + Number(value), 0);
}
