import {
  DescribeClusterCommand,
  EKSClient,
  paginateListClusters,
  ResourceNotFoundException,
} from "@aws-sdk/client-eks";
import pLimit from "p-limit";
import { managedTag } from "../events/fields.ts";
import { awsFailure, clientOptions } from "./failure.ts";

export interface Fleet {
  /** Names of the region's clusters that carry the tag, in order. */
  readonly managed: readonly string[];
  /** Those that nobody could look at, and why: nothing is known of them. */
  readonly unreadable: readonly { readonly cluster: string; readonly problem: string }[];
}

/** EKS answers about ten a second for the whole account; who is refused waits, and tries again. */
const atATime = 4;
const maxAttempts = 8;

export interface FleetReader {
  /** @throws EgressError `aws-forbidden`, `aws-unavailable` when the clusters cannot even be listed */
  list(): Promise<Fleet>;
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

  return {
    async list() {
      const names: string[] = [];
      try {
        for await (const { clusters = [] } of paginateListClusters({ client }, {})) names.push(...clusters);
      } catch (cause) {
        throw awsFailure("ListClusters", cause);
      }
      const limit = pLimit(atATime);
      const looks = await Promise.allSettled(names.map((name) => limit(() => isManaged(name))));
      return {
        managed: names.filter((_, at) => looks[at]?.status === "fulfilled" && looks[at].value).sort(),
        unreadable: names.flatMap((cluster, at) => {
          const look = looks[at];
          return look?.status === "rejected" ? [{ cluster, problem: String(look.reason) }] : [];
        }),
      };
    },
  };
}
