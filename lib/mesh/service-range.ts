import { overlap } from "./exclusions.ts";
import type { MeshService } from "./in-mesh.ts";
import { systemNamespaces } from "./injection-rule.ts";

/** Where the cluster's Services have their addresses. */
export interface ServiceRange {
  /** IPv4 CIDRs; empty where nobody knows. */
  readonly cidrs: readonly string[];
  /** Addresses of Services outside the mesh, each as `10.96.0.1/32`. */
  readonly outside: ReadonlySet<string>;
}

export const noServiceRange: ServiceRange = { cidrs: [], outside: new Set() };

/** A Service whose address no in-mesh traffic goes to. */
export interface OutsideService {
  readonly namespace: string;
  readonly name: string;
  /** `10.96.0.1/32`. */
  readonly cidr: string;
}

/** As the MeshInjection CRD bounds the list. */
const maxSystemServices = 64;

/**
 * Whether an exclusion would let in-mesh traffic get past the sidecar: it has addresses of the Service range in it, and is
 * not the single one of a Service outside the mesh, which nobody else can have meanwhile.
 */
export function reachesServices(cidr: string, { cidrs, outside }: ServiceRange): boolean {
  return !outside.has(cidr) && cidrs.some((range) => overlap(range, cidr));
}

/** Also those of mesh namespaces that have no selector: their endpoints may be anywhere. */
export function outsideServices(
  services: readonly MeshService[],
  meshNamespaces: ReadonlySet<string>,
): readonly OutsideService[] {
  return services
    .filter(({ namespace, hasSelector }) => !meshNamespaces.has(namespace) || !hasSelector)
    .flatMap(({ namespace, name, clusterIP }) =>
      /^[\d.]+$/.test(clusterIP) ? [{ namespace, name, cidr: `${clusterIP}/32` }] : [],
    );
}

/** Addresses that a pod too may exclude, by annotation: the Kubernetes API's, and those of the system's namespaces. */
export function systemAddresses(services: readonly OutsideService[]): readonly string[] {
  const isSystem = ({ namespace, name }: OutsideService) =>
    systemNamespaces.some((it) => it === namespace) || (namespace === "default" && name === "kubernetes");
  const cidrs = services.filter(isSystem).map(({ cidr }) => cidr);
  return [...new Set(cidrs)].sort().slice(0, maxSystemServices);
}
