/** What a sidecar that has taken these files answers to the verification query: nothing refused, draining or open. */
export function sidecarStats(files: Readonly<Record<string, string>>): string {
  const stats = {
    "cluster.passthrough-outbound.upstream_cx_active": 0,
    "cluster_manager.cds.update_failure": 0,
    "cluster_manager.cds.update_rejected": 0,
    "listener_manager.lds.update_failure": 0,
    "listener_manager.lds.update_rejected": 0,
    "listener_manager.total_filter_chains_draining": 0,
    "listener_manager.total_listeners_draining": 0,
    "cluster_manager.cds.version_text": versionOf(files["cds.json"]),
    "listener_manager.lds.version_text": versionOf(files["lds.json"]),
  };
  return JSON.stringify({ stats: Object.entries(stats).map(([name, value]) => ({ name, value })) });
}

/** `version_info` of a file of a sidecar ConfigMap; empty where it has none. */
export function versionOf(file = "{}"): string {
  return (JSON.parse(file) as { readonly version_info?: string }).version_info ?? "";
}
