import { EgressError, type Reason } from "../errors.ts";
import { parseCidrs } from "../mesh/exclusions.ts";
import type { KubeConnection } from "./connection.ts";
import { listAll } from "./list.ts";

/** IPv4 ranges that Services get their addresses from; or why nobody can tell. */
export type ServiceCidrs = { readonly cidrs: readonly string[] } | { readonly why: string };

/** An exclusion that cannot be checked must not keep anybody from turning egress off. */
const whys: Readonly<Partial<Record<Reason, string>>> = {
  "object-missing": "this cluster has no ServiceCIDR objects (Kubernetes before 1.33)",
  "api-forbidden": "the reconciler may not list servicecidrs.networking.k8s.io; osm install grants it",
};

/** All of them, in one order: the API server makes the first, `kubernetes`, and administrators may add to it. */
export async function readServiceCidrs(connection: KubeConnection): Promise<ServiceCidrs> {
  try {
    const found = await listAll(connection, "/apis/networking.k8s.io/v1/servicecidrs", decodeServiceCidr);
    return { cidrs: [...new Set(found.flat())].sort() };
  } catch (error) {
    const why = error instanceof EgressError ? whys[error.reason] : undefined;
    if (why === undefined) throw error;
    return { why };
  }
}

/** Without those of IPv6, which is closed anyway. */
function decodeServiceCidr(object: unknown): readonly string[] {
  const { spec } = object as { readonly spec?: { readonly cidrs?: readonly string[] } };
  return (spec?.cidrs ?? []).flatMap((cidr) => {
    const parsed = parseCidrs(cidr);
    return "items" in parsed ? parsed.items : [];
  });
}
