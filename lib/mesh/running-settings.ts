import { parseCidrs } from "./exclusions.ts";
import type { MeshSettings } from "./osm-config.ts";

/** What of osm-config is in the sidecars' configuration; every ConfigMap says under which of them it was rendered. */
export interface RunningSettings extends Pick<MeshSettings, "permissive" | "inMeshCidrs"> {
  readonly egress: boolean;
}

export function runningSettingsText(settings: RunningSettings): string {
  const { egress, permissive, inMeshCidrs } = settings;
  return JSON.stringify({ egress, permissive, inMeshCidrs });
}

/** @returns undefined for a text that no reconciler wrote */
export function parseRunningSettings(text: string | undefined): RunningSettings | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { egress, permissive, inMeshCidrs } = value as Partial<Record<keyof RunningSettings, unknown>>;
  if (typeof egress !== "boolean" || typeof permissive !== "boolean" || !Array.isArray(inMeshCidrs)) return undefined;
  if (inMeshCidrs.some((cidr) => typeof cidr !== "string" || cidr === "")) return undefined;
  const cidrs = parseCidrs(inMeshCidrs.join(","));
  return "items" in cidrs ? { egress, permissive, inMeshCidrs: cidrs.items } : undefined;
}
