import type { Json } from "./canonical-json.ts";
import { typed } from "./typed-config.ts";

/** The one RouteConfiguration that every HTTP chain refers to, so that a sidecar has at most three file subscriptions. */
export const routeConfigName = "in-mesh";

/** @returns resources of rds.json; without HTTP chains nothing refers to it and Envoy does not subscribe */
export function routes(): readonly Json[] {
  return [
    typed("envoy.config.route.v3.RouteConfiguration", {
      name: routeConfigName,
      // Clusters and routes arrive independently.
      validate_clusters: false,
      virtual_hosts: [],
    }),
  ];
}
