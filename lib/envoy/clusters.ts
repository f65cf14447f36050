import type { Json } from "./canonical-json.ts";
import { typed } from "./typed-config.ts";

/** Clusters of every sidecar, whatever is on or off: listeners and clusters arrive in either order, so both must resolve. */
export const clusterNames = {
  /** Wherever the app wanted to go, outside the mesh. */
  passthrough: "passthrough-outbound",
  /** The ClusterIP that the app wanted, inside the mesh. */
  inMesh: "in-mesh",
  /** No endpoints: a connection to it is closed at once, with the flag UH in the access log. */
  refused: "refused",
} as const;

/** Envoy's default of 1024 connections a cluster would be a limit that nobody asked for. */
const noConnectionLimit: Json = {
  thresholds: [{ max_connections: 4294967295, max_pending_requests: 4294967295, max_requests: 4294967295 }],
};

/** @returns resources of cds.json, the same for every sidecar while in-mesh upstreams are addressed by ClusterIP */
export function clusters(): readonly Json[] {
  return [
    originalDestination(clusterNames.inMesh),
    originalDestination(clusterNames.passthrough),
    typed("envoy.config.cluster.v3.Cluster", {
      name: clusterNames.refused,
      type: "STATIC",
      connect_timeout: "1s",
      load_assignment: { cluster_name: clusterNames.refused, endpoints: [] },
    }),
  ];
}

function originalDestination(name: string): Json {
  return typed("envoy.config.cluster.v3.Cluster", {
    name,
    type: "ORIGINAL_DST",
    lb_policy: "CLUSTER_PROVIDED",
    connect_timeout: "5s",
    circuit_breakers: noConnectionLimit,
  });
}
