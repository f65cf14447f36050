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

/** A ConfigMap holds 1 MiB. A port of its own takes some 360 bytes of it, an address 140. */
const maxPortEntries = 2_500;
const maxServices = 6_000;

/**
 * Every in-mesh destination, and whether it may be reached: in permissive mode all Services, otherwise none.
 *
 * Headless Services have no address of their own and count as egress. Where there are so many ports that a sidecar's
 * configuration would not fit into its ConfigMap, a Service is known by its address alone: anybody who may write Services
 * could stop every change otherwise.
 */
export function inMeshDestinations(
  services: readonly MeshService[],
  settings: Pick<MeshSettings, "permissive" | "inMeshCidrs">,
): readonly InMeshDestination[] {
  const ranges = settings.inMeshCidrs.map((cidr) => ({ cidr, allowed: false }));
  const known = knownServices(services);
  const allowed = settings.permissive;
  const byAddress = portEntries(known, ranges.length) > maxPortEntries;
  const addressed = known.flatMap(({ clusterIP, ports }): readonly InMeshDestination[] => {
    const cidr = `${clusterIP}/32`;
    return byAddress ? [{ cidr, allowed }] : ports.map((port) => ({ cidr, port, allowed }));
  });
  return [...ranges, ...addressed];
}

/** Services that sidecars do not know of, for there are too many: their traffic counts as egress. */
export function crowdedOut(services: readonly MeshService[]): readonly MeshService[] {
  return addressedServices(services).slice(maxServices);
}

function knownServices(services: readonly MeshService[]): readonly MeshService[] {
  return addressedServices(services).slice(0, maxServices);
}

/** In one order, so that the same ones are known every time. */
function addressedServices(services: readonly MeshService[]): readonly MeshService[] {
  const key = ({ namespace, name }: MeshService) => `${namespace}/${name}`;
  return services
    .filter(
      ({ type, hasSelector, clusterIP, ports }) =>
        type !== "ExternalName" && hasSelector && isIPv4(clusterIP) && ports.length > 0,
    )
    .sort((left, right) => (key(left) < key(right) ? -1 : 1));
}

/** As they are rendered: ranges stand under every port again. */
function portEntries(services: readonly MeshService[], ranges: number): number {
  const ports = services.flatMap((service) => service.ports);
  return ports.length + new Set(ports).size * ranges;
}

function isIPv4(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text);
}
