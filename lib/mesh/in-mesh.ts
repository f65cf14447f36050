import type { MeshSettings } from "./osm-config.ts";
import type { InMeshDestination } from "./sidecar-policy.ts";

/** A Service of a mesh namespace, as far as reaching it matters. */
export interface MeshService {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** `None` for headless Services, empty for those without an address yet. */
  readonly clusterIP: string;
  /** Without a selector its endpoints may be anywhere, also outside: such a Service is not in-mesh. */
  readonly hasSelector: boolean;
  /** TCP ports only. */
  readonly ports: readonly number[];
}

/**
 * Every in-mesh destination, and whether it may be reached: in permissive mode all Services, otherwise none.
 *
 * Headless Services have no address of their own and count as egress.
 */
export function inMeshDestinations(
  services: readonly MeshService[],
  settings: Pick<MeshSettings, "permissive" | "inMeshCidrs">,
): readonly InMeshDestination[] {
  const destinations: InMeshDestination[] = settings.inMeshCidrs.map((cidr) => ({ cidr, allowed: false }));
  for (const service of services) {
    if (service.type === "ExternalName" || !service.hasSelector || !isIPv4(service.clusterIP)) continue;
    for (const port of service.ports) {
      destinations.push({ cidr: `${service.clusterIP}/32`, port, allowed: settings.permissive });
    }
  }
  return destinations;
}

function isIPv4(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text);
}
