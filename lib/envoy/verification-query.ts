import { routeConfigName } from "./routes.ts";

/**
 * The one statistics query that a sidecar of this version answers.
 *
 * The status listener compares `format` and `filter` as they stand in the request, still percent-encoded, so this text is
 * part of the bootstrap: change it, and what it was before joins `earlierQueries`, which older sidecars answer.
 */
export const verificationQuery = {
  format: "json",
  // Statistics of routes carry the name of their RouteConfiguration between `rds` and their own.
  filter: [
    ...["ds", `rds.${routeConfigName}`].flatMap((subscription) =>
      ["version_text", "update_rejected", "update_failure"].map((name) => `${subscription}.${name}`),
    ),
    "draining",
    "passthrough-outbound.upstream_cx_active",
  ].join("|"),
} as const;

/** What a sidecar says about itself. */
export interface SidecarAnswer {
  /** `version_info` of the last update taken; empty before the first. */
  readonly listeners: string;
  readonly clusters: string;
  /** Absent while no HTTP chain refers to the RouteConfiguration. */
  readonly routes?: string;
  /** Updates refused since the sidecar started: `update_rejected` + `update_failure` of all subscriptions. */
  readonly refusedUpdates: number;
  /** Filter chains and listeners on their way out. */
  readonly draining: number;
  /** Connections open to destinations outside the mesh. */
  readonly openEgress: number;
}

/** Reads `/stats?format=json`. @returns undefined for anything that is not Envoy's answer to the query */
export function parseAnswer(text: string): SidecarAnswer | undefined {
  const values = statValues(text);
  if (!values) return undefined;
  const listeners = values.get("listener_manager.lds.version_text");
  const clusters = values.get("cluster_manager.cds.version_text");
  if (typeof listeners !== "string" || typeof clusters !== "string") return undefined;
  let routes: string | undefined;
  let refusedUpdates = 0;
  let draining = 0;
  for (const [name, value] of values) {
    if (name.includes(".rds.") && name.endsWith(".version_text")) routes = String(value);
    if (typeof value !== "number") continue;
    if (/\.([cl]ds|rds\..+)\.update_(rejected|failure)$/.test(name)) refusedUpdates += value;
    if (name.startsWith("listener_manager.") && name.endsWith("_draining")) draining += value;
  }
  const openEgress = values.get("cluster.passthrough-outbound.upstream_cx_active");
  return {
    listeners,
    clusters,
    ...(routes === undefined ? {} : { routes }),
    refusedUpdates,
    draining,
    openEgress: typeof openEgress === "number" ? openEgress : 0,
  };
}

function statValues(text: string): ReadonlyMap<string, unknown> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || !("stats" in parsed) || !Array.isArray(parsed.stats)) {
    return undefined;
  }
  const values = new Map<string, unknown>();
  for (const stat of parsed.stats as readonly unknown[]) {
    if (typeof stat === "object" && stat !== null && "name" in stat && "value" in stat) {
      values.set(String(stat.name), stat.value);
    }
  }
  return values;
}
