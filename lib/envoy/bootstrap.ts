import { ports, sidecar } from "../mesh/names.ts";
import type { Json } from "./canonical-json.ts";
import { socketAddress, typed } from "./typed-config.ts";
import { verificationQuery } from "./verification-query.ts";

/** In the sidecar's own file system: the app shares its network, not its files, so it cannot reach the admin interface. */
export const adminSocket = "/run/osm-sidecar/admin.sock";
const adminCluster = "admin";

/** Seconds until a connection that stays silent is cut when its chain goes. */
export const drainSeconds = 5;

/** Envoy's arguments; only the log level differs between pods. */
export function envoyArguments(logLevel: string): readonly string[] {
  return [
    "--config-yaml",
    JSON.stringify(bootstrap()),
    "--log-level",
    logLevel,
    // Immediate: a draining chain tells its connections at once. The default strategy would spread it over the time.
    "--drain-strategy",
    "immediate",
    "--drain-time-s",
    String(drainSeconds),
    "--disable-hot-restart",
    "--concurrency",
    "2",
  ];
}

/**
 * The static part of a sidecar: where its files are, and the status listener.
 *
 * The status listener answers GET on three exact paths and 404 to everything else; anybody on the network may ask it.
 */
export function bootstrap(): Json {
  return {
    node: { id: "sidecar", cluster: "osm" },
    admin: { address: { pipe: { path: adminSocket, mode: 0o600 } } },
    dynamic_resources: { cds_config: fileSubscription("cds.json"), lds_config: fileSubscription("lds.json") },
    static_resources: {
      clusters: [
        {
          name: adminCluster,
          type: "STATIC",
          connect_timeout: "1s",
          load_assignment: {
            cluster_name: adminCluster,
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: adminSocket } } } }] }],
          },
        },
      ],
      listeners: [statusListener()],
    },
  };
}

/**
 * A subscription to one file of the ConfigMap volume. The kubelet swaps a whole directory by renaming `..data`, so the
 * directory is watched, not the file.
 */
export function fileSubscription(file: string): Json {
  return {
    resource_api_version: "V3",
    path_config_source: {
      path: `${sidecar.mountPath}/${file}`,
      watched_directory: { path: sidecar.mountPath },
    },
  };
}

function statusListener(): Json {
  return {
    name: "status",
    address: socketAddress("0.0.0.0", ports.status),
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
              stat_prefix: "status",
              // A slow reader must not hold a connection for ever.
              common_http_protocol_options: { idle_timeout: "30s" },
              request_timeout: "10s",
              http_filters: [
                {
                  name: "envoy.filters.http.router",
                  typed_config: typed("envoy.extensions.filters.http.router.v3.Router"),
                },
              ],
              route_config: {
                name: "status",
                virtual_hosts: [{ name: "status", domains: ["*"], routes: statusRoutes() }],
              },
            }),
          },
        ],
      },
    ],
  };
}

function statusRoutes(): readonly Json[] {
  const query = Object.entries(verificationQuery).map(([name, value]) => ({
    name,
    string_match: { exact: encodeURIComponent(value) },
  }));
  return [
    adminRoute("/ready"),
    adminRoute("/stats/prometheus"),
    adminRoute("/stats", query),
    { match: { prefix: "/" }, direct_response: { status: 404 } },
  ];
}

function adminRoute(path: string, queryParameters: readonly Json[] = []): Json {
  return {
    match: {
      path,
      headers: [{ name: ":method", string_match: { exact: "GET" } }],
      query_parameters: queryParameters,
    },
    route: { cluster: adminCluster, timeout: "5s" },
  };
}
