import type { ApiRequest } from "./fault.ts";

/** What a pass does, by its requests; every verb of the ports that sends anything. */
export type StepName =
  | "read Lease"
  | "take Lease"
  | "release Lease"
  | "read osm-config"
  | "read MeshInjection"
  | "read status"
  | "list ConfigMaps"
  | "list pods"
  | "list other"
  | "write ConfigMap"
  | "write MeshInjection"
  | "poke"
  | "write status"
  | "write Event"
  | "ask"
  | "watch"
  | "other";

/** Which step of a pass a request is. */
export function stepOf({
  method,
  path,
  body,
  query,
}: Pick<ApiRequest, "method" | "path" | "body" | "query">): StepName {
  if (query.get("watch") === "true") return "watch";
  if (path.includes("/leases")) return leaseStep(method, body);
  if (path.includes("/proxy/stats")) return "ask";
  if (path.endsWith("/events")) return "write Event";
  if (path.includes("/egressrollouts")) return method === "GET" ? "read status" : "write status";
  if (path.includes("/meshinjections")) return method === "GET" ? "read MeshInjection" : "write MeshInjection";
  if (path.includes("/configmaps/osm-sidecar.") && method !== "GET") return "write ConfigMap";
  if (path.endsWith("/configmaps/osm-config")) return "read osm-config";
  if (/\/pods\/[^/]+$/.test(path) && method === "PATCH") return "poke";
  if (path === "/api/v1/pods") return "list pods";
  if (path === "/api/v1/configmaps") return "list ConfigMaps";
  return method === "GET" ? "list other" : "other";
}

function leaseStep(method: string, body: string): StepName {
  if (method === "GET") return "read Lease";
  const { spec } = JSON.parse(body) as { readonly spec: { readonly holderIdentity: string } };
  return spec.holderIdentity === "" ? "release Lease" : "take Lease";
}
