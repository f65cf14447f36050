import {
  DescribeClusterCommand,
  EKSClient,
  paginateListClusters,
  ResourceNotFoundException,
} from "@aws-sdk/client-eks";
import type { AwsCredentialIdentityProvider } from "@smithy/types";
import pLimit from "p-limit";
import { EgressError } from "../errors.ts";
import { awsFailure, clientOptions } from "./failure.ts";
import { isManagedBy } from "./managed-tag.ts";

/** Some of an account's clusters in one region, by their ids, as they are found. */
export interface ClusterPage {
  /** Those that carry the tag, and have an API server. */
  readonly managed: readonly string[];
  /** Those that nobody could look at, and why: nothing is known of them. */
  readonly unreadable: readonly { readonly cluster: string; readonly problem: string }[];
}

/** Nobody answers there yet, or any more: a check would only become a dead letter. */
const withoutApiServer: ReadonlySet<string | undefined> = new Set(["PENDING", "CREATING", "FAILED", "DELETING"]);

/** EKS answers about ten a second for the whole account; who is refused waits, and tries again. */
const atATime = 4;
const maxAttempts = 4;

export interface AccountClusters {
  /** @throws EgressError `aws-forbidden`, `aws-unavailable` when the clusters cannot even be listed */
  pages(): AsyncGenerator<ClusterPage, undefined>;
}

export interface AccountOptions {
  readonly region: string;
  /** The name that a cluster's tag may have instead of `true`. */
  readonly deployment: string;
  /** Another one than the stack's own, and who is let in there. */
  readonly account?: string;
  readonly credentials?: AwsCredentialIdentityProvider;
}

export function openAccountClusters({ region, deployment, account, credentials }: AccountOptions): AccountClusters {
  const client = new EKSClient({
    region,
    ...clientOptions,
    maxAttempts,
    retryMode: "adaptive",
    ...(credentials === undefined ? {} : { credentials }),
  });
  const idOf = (name: string): string => (account === undefined ? name : `${account}/${name}`);

  async function isManaged(name: string): Promise<boolean> {
    try {
      const { cluster } = await client.send(new DescribeClusterCommand({ name }));
      return isManagedBy(deployment, cluster) && !withoutApiServer.has(cluster?.status);
    } catch (cause) {
      // Deleted since it was listed.
      if (cause instanceof ResourceNotFoundException) return false;
      throw failureOf(`DescribeCluster ${idOf(name)}`, cause);
    }
  }

  async function look(names: readonly string[]): Promise<ClusterPage> {
    const limit = pLimit(atATime);
    const looks = await Promise.allSettled(names.map((name) => limit(() => isManaged(name))));
    return {
      managed: names.filter((_, at) => looks[at]?.status === "fulfilled" && looks[at].value).map(idOf),
      unreadable: names.flatMap((name, at) => {
        const one = looks[at];
        return one?.status === "rejected" ? [{ cluster: idOf(name), problem: String(one.reason) }] : [];
      }),
    };
  }

  return {
    async *pages() {
      const pages = paginateListClusters({ client }, {});
      try {
        for (;;) {
          const { done, value } = await pages.next().catch((cause: unknown) => {
            throw failureOf("ListClusters", cause);
          });
          if (done) return undefined;
          yield await look(value.clusters ?? []);
        }
      } finally {
        client.destroy();
      }
    },
  };
}

/** A role that could not be assumed has its own words. */
function failureOf(what: string, cause: unknown): EgressError {
  return cause instanceof EgressError ? cause : awsFailure(what, cause);
}
