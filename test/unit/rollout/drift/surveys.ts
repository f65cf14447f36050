import { labels, meshPlace } from "#lib/mesh/names.ts";
import type { Survey } from "#lib/rollout/drift/survey.ts";

export const now = "2026-11-01T12:00:00.000Z";
export const nowMs = Date.parse(now);

/** A cluster in which all is as it was installed, with its differences. */
export function survey(difference: Partial<Survey> = {}): Survey {
  return {
    place: meshPlace,
    atMs: nowMs,
    image: { wanted: "osm-egress/sidecar:1" },
    injects: true,
    namespaces: [
      {
        name: "shop",
        labels: { [labels.monitoredBy]: "osm" },
        annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
      },
    ],
    pods: [],
    guards: [],
    forwarder: undefined,
    forwarderSilentMs: undefined,
    unread: [],
    ...difference,
  };
}
