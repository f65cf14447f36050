import type { KubeConnection } from "#lib/kube/connection.ts";
import { decodeSidecarConfigMap } from "#lib/kube/sidecar-config-map.ts";
import { watch } from "#lib/kube/watch.ts";
import { labels } from "#lib/mesh/names.ts";

/**
 * Which versions of the configuration have egress on: read off every sidecar ConfigMap that there ever was, so that a
 * sidecar's own answer tells whether it lets traffic out, whatever else changes meanwhile.
 */
export interface EgressByVersion {
  /** undefined for a version that no ConfigMap has held. */
  egressOf(version: string): boolean | undefined;
  stop(): void;
}

export function watchEgressVersions(connection: KubeConnection): EgressByVersion {
  const known = new Map<string, boolean>();
  const stopped = new AbortController();
  void watch(
    connection,
    {
      resource: { apiVersion: "v1", plural: "configmaps", namespaced: true },
      labelSelector: labels.sidecarConfig,
      lifeSeconds: 60,
    },
    {
      reduce: (object) => {
        const map = decodeSidecarConfigMap(object);
        const lds = map?.files["lds.json"];
        if (lds === undefined) return undefined;
        const { version_info } = JSON.parse(lds) as { readonly version_info: string };
        // The bytes themselves, not what an annotation says of them.
        return { version: version_info, egress: lds.includes('"cluster":"passthrough-outbound"') };
      },
      onSeen: (seen) => {
        for (const { version, egress } of seen.kind === "listed" ? seen.objects : [seen.object]) {
          known.set(version, egress);
        }
      },
      onTrouble: () => undefined,
    },
    stopped.signal,
  );
  return { egressOf: (version) => known.get(version), stop: () => stopped.abort() };
}
