import { inMeshDestinations, type MeshService } from "#lib/mesh/in-mesh.ts";
import type { SidecarPolicy } from "#lib/mesh/sidecar-policy.ts";

function service(name: string, clusterIP: string, ...ports: number[]): MeshService {
  return { namespace: "shop", name, type: "ClusterIP", clusterIP, hasSelector: true, ports };
}

const one = [service("web", "10.96.0.20", 80)];
const manyPorts = [service("web", "10.96.0.20", 80, 443, 8080, 9090), service("db", "10.96.0.30", 5432)];
const shared = [...one, service("api", "10.96.0.21", 80), service("old", "10.96.0.22", 80)];
const pods = ["10.244.0.0/16", "10.245.7.9/32"];

interface Mesh {
  readonly egress: boolean;
  readonly permissive: boolean;
  readonly services?: readonly MeshService[];
  readonly inMeshCidrs?: readonly string[];
}

function policy({ egress, permissive, services = [], inMeshCidrs = [] }: Mesh): SidecarPolicy {
  return { egress, destinations: inMeshDestinations(services, { permissive, inMeshCidrs }) };
}

/** What sidecars may be told to do, each beside the file that holds its configuration. */
export const policies: Readonly<Record<string, SidecarPolicy>> = {
  "off-permissive-no-services": policy({ egress: false, permissive: true }),
  "on-permissive-no-services": policy({ egress: true, permissive: true }),
  "off-permissive-one": policy({ egress: false, permissive: true, services: one }),
  "on-permissive-one": policy({ egress: true, permissive: true, services: one }),
  "on-permissive-many-ports": policy({ egress: true, permissive: true, services: manyPorts }),
  "off-permissive-many-ports": policy({ egress: false, permissive: true, services: manyPorts }),
  "off-permissive-shared-port": policy({ egress: false, permissive: true, services: shared }),
  "on-permissive-shared-port": policy({ egress: true, permissive: true, services: shared }),
  "on-policies-one": policy({ egress: true, permissive: false, services: one }),
  "off-policies-many-ports": policy({ egress: false, permissive: false, services: manyPorts }),
  "on-ranges": policy({ egress: true, permissive: true, inMeshCidrs: pods }),
  "off-permissive-ranges": policy({ egress: false, permissive: true, services: shared, inMeshCidrs: pods }),
  "on-permissive-ranges": policy({ egress: true, permissive: true, services: shared, inMeshCidrs: pods }),
};
