import {
  DescribeClusterCommand,
  EKSClient,
  paginateListClusters,
  ResourceNotFoundException,
} from "@aws-sdk/client-eks";
import pLimit from "p-limit";
import { managedTag } from "../events/fields.ts";
import { awsFailure, clientOptions } from "./failure.ts";

/** Some of the region's clusters, as they are found. */
export interface FleetPage {
  /** Names of those that carry the tag. */
  readonly managed: readonly string[];
  /** Those that nobody could look at, and why: nothing is known of them. */
  readonly unreadable: readonly { readonly cluster: string; readonly problem: string }[];
}

/** EKS answers about ten a second for the whole account; who is refused waits, and tries again. */
const atATime = 4;
const maxAttempts = 4;

export interface FleetReader {
  /** @throws EgressError `aws-forbidden`, `aws-unavailable` when the clusters cannot even be listed */
  pages(): AsyncGenerator<FleetPage>;
}

export function openFleet(region: string): FleetReader {
  const client = new EKSClient({ region, ...clientOptions, maxAttempts, retryMode: "adaptive" });

  async function isManaged(name: string): Promise<boolean> {
    try {
      const { cluster } = await client.send(new DescribeClusterCommand({ name }));
      return cluster?.tags?.[managedTag] === "true";
    } catch (cause) {
      // Deleted since it was listed.
      if (cause instanceof ResourceNotFoundException) return false;
      throw awsFailure(`DescribeCluster ${name}`, cause);
    }
  }

  async function look(names: readonly string[]): Promise<FleetPage> {
    const limit = pLimit(atATime);
    const looks = await Promise.allSettled(names.map((name) => limit(() => isManaged(name))));
    return {
      managed: names.filter((_, at) => looks[at]?.status === "fulfilled" && looks[at].value),
      unreadable: names.flatMap((cluster, at) => {
        const one = looks[at];
        return one?.status === "rejected" ? [{ cluster, problem: String(one.reason) }] : [];
      }),
    };
  }

  return {
    async *pages() {
      const pages = paginateListClusters({ client }, {});
      for (;;) {
        const { done, value } = await pages.next().catch((cause: unknown) => {
          throw awsFailure("ListClusters", cause);
        });
        if (done) return;
        yield await look(value.clusters ?? []);
      }
    },
  };
}
